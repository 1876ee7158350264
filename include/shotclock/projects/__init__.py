"""What is done to a project as a whole: made, looked after, cut into batches, pruned."""
