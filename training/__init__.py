"""Keyword models: from a folder of recordings to a `.kws` blob that the board runs."""
