"""Where machines and people are: from fixes to visits, from sources that disagree to tasks."""
