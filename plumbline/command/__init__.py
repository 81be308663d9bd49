"""The subcommands of `plumbline`: the only place where services are wired together."""
