"""Records of the API that cannot be loaded: how they are found on a page, and what they tell."""
