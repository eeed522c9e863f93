# Which account and region, and the tags that every resource carries. Credentials come from the usual places of the
# AWS SDK (a profile, SSO, OIDC in CI) and never from here.

provider "aws" {
  region              = var.region
  allowed_account_ids = length(var.allowed_account_ids) > 0 ? var.allowed_account_ids : null

  default_tags {
    tags = local.tags
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  # The one name that all others begin with: shop-production, shop-production-replica-1, …
  name = "${var.project}-${var.environment}"

  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  tags = merge(var.tags, {
    Project     = var.project
    Environment = var.environment
    ManagedBy   = "terraform"
  })

  is_rds        = var.engine == "rds"
  is_aurora     = var.engine == "aurora"
  is_production = var.environment == "production"
}
