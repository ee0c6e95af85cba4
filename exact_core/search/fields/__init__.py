"""What can be searched for: one module per group of fields, put together in ``registry``."""
