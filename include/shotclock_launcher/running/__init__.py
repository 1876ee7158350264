"""The processes of a stack: what they need, how they are started, watched and ended."""
