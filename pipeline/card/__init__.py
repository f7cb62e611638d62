"""The dataset card: README.md, LICENSE.md and plots, from the manifest and from a file of what users write."""
