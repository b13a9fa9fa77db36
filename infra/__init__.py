"""Building and deploying."""
