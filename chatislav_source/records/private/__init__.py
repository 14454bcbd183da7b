"""The privacy settings applied to rows, before anything is written."""
