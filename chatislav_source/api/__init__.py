"""The vendor's API over HTTP: requests, retries and the request rate."""
