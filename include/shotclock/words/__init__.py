"""What people read: one glossary, summaries, messages, cards."""
