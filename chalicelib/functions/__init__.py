"""Bodies of the Lambdas that are not HTTP."""
