"""What is trained and what predicts: candidates, fast prediction, streaming scoring."""
