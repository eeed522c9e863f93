# The master password. It goes to RDS and to Secrets Manager through write-only arguments and is in no plan and no
# state. RDS could manage it instead, but refuses to do so with read replicas, and we have those.
#
# Both receive it when master_password_version is raised, and only then: an ephemeral password is a new one on every
# run. If one of the two calls fails, state holds the new version all the same and the next plan is empty while the
# database keeps its old password. Whoever applies must therefore log in afterwards, and raise the version if refused.

ephemeral "aws_secretsmanager_random_password" "master" {
  password_length            = 40
  exclude_punctuation        = true # RDS refuses some, and 40 letters and digits are 238 bits
  require_each_included_type = true
}

locals {
  master_password = coalesce(var.db_password, ephemeral.aws_secretsmanager_random_password.master.random_password)
}

# A prefix, not a name: a deleted secret keeps its name for protection.secret_recovery_days.
resource "aws_secretsmanager_secret" "master" {
  #checkov:skip=CKV2_AWS_57:Rotated by raising master_password_version: a rotation function would need a network path to the database and code to look after.
  name_prefix             = "${local.name}-master-"
  description             = "Master login of ${local.name}: {username, password}"
  kms_key_id              = local.kms_key_arn
  recovery_window_in_days = var.protection.secret_recovery_days

  tags = { Name = "${local.name}-master" }
}

resource "aws_secretsmanager_secret_version" "master" {
  secret_id = aws_secretsmanager_secret.master.id

  secret_string_wo         = jsonencode({ username = var.database.username, password = local.master_password })
  secret_string_wo_version = var.master_password_version
}
