"""What pages and the command line show of a project."""
