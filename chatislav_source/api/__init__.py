"""The HTTP client of the vendor's API: requests, retries and the rate limiter."""
