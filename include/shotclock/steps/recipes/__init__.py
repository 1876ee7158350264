"""What the steps that make and judge recipes share: fits, what a recipe keeps, its track record, the blend of them all."""
