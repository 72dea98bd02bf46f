"""An Iceberg snapshot becomes SQL over its files: the only place here that knows Iceberg."""
