"""Where repositories come from: folders, lists of names, hours of GH Archive."""
