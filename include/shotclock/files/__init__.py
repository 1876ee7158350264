"""Addresses, storage, parquet data sets, publishing."""
