"""A release to where readers find it: the Hugging Face Hub, a folder, an object store."""
