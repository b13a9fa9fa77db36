"""Code that the Lambdas and the ingest container share."""
