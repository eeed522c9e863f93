"""AWS and Terraform, as the start script and the destroyer use them: each module is one of their concerns."""
