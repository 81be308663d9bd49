"""The self-test card: a sheet of codes whose contents are known, so that what a scanner sends for them tells what it does.

`probes` are the codes, `sheet` prints them (needs the extra `labels`), `hearing` finds them again in what came, `learning`
works the scanner's profile out of it, `profile_file` writes it.
"""
