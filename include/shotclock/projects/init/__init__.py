"""A project file made from a table: what each column is is guessed."""
