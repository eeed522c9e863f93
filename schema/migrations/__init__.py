"""The schema's history: revisions in versions/, and the machinery that runs them safely."""
