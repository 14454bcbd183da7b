"""What the command line needs of its terminal: encoding, progress and signals."""
