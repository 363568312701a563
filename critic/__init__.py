"""Critics: models that judge a picture against the criteria of a plan."""
