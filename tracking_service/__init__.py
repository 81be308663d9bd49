"""Orders, milestones and the evidence behind each; the API, the wall and the notices."""
