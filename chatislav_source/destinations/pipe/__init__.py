"""What happens to rows in the pipe of dlt, after the steps of users."""
