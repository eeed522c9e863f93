# What must be installed. One provider only: final snapshot suffixes come from terraform_data, passwords from an
# ephemeral resource, so that `random` and `time` are not needed. Ephemeral values reach resources since 1.11.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
