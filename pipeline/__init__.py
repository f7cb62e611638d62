"""How it runs: configuration, git, units, Beam graphs, shards, card, command line."""
