"""The CDK application: the stacks of the archive."""
