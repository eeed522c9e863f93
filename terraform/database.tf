# engine = "rds": PostgreSQL on one machine with a standby in another zone, and read replicas. What Aurora shares with
# it (final snapshot, log groups, monitoring role) stands here, too.
#
# Left out on purpose: manage_master_user_password (RDS refuses it with replicas, see secrets.tf) and
# blue_green_update (it leaves replicas behind, deletes the old instance without a final snapshot and brings the new
# one up without deletion protection): major upgrades are a runbook, not a flag.

locals {
  storage = {
    type             = coalesce(var.storage.type, "gp3")
    allocated_gib    = coalesce(var.storage.allocated_gib, 20)
    max_gib          = coalesce(var.storage.max_gib, min(65536, 5 * coalesce(var.storage.allocated_gib, 20)))
    iops             = var.storage.iops
    throughput_mib_s = var.storage.throughput_mib_s
  }

  # The teardown's first apply: only then does a destroy get through to the instance.
  deletion_protection = var.protection.deletion_protection && !var.teardown

  log_exports = local.is_rds ? ["postgresql", "upgrade"] : ["postgresql"] # Aurora has no log of upgrades

  replica_identifiers = { for name in keys(var.replicas) : name => "${local.name}-${name}" }

  # RDS would make these groups itself, unencrypted and kept for ever.
  log_owners = local.is_rds ? [for identifier in concat([local.name], values(local.replica_identifiers)) : "instance/${identifier}"] : ["cluster/${local.name}"]
  log_groups = toset([for pair in setproduct(local.log_owners, local.log_exports) : "/aws/rds/${pair[0]}/${pair[1]}"])
}

# Fixed at the first apply, so that the second plan is empty, and new with each new stack, so that the final snapshot of
# an earlier one is in nobody's way.
resource "terraform_data" "final_snapshot" {
  input = formatdate("YYYYMMDDhhmmss", timestamp())

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_cloudwatch_log_group" "database" {
  for_each = local.log_groups

  name              = each.value
  retention_in_days = var.logs.retention_days
  kms_key_id        = local.kms_key_arn
}

# --- Enhanced monitoring ------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name                 = "${local.name}-rds-monitoring"
  description          = "Lets RDS Enhanced Monitoring of ${local.name} write operating system metrics"
  assume_role_policy   = data.aws_iam_policy_document.monitoring_trust.json
  permissions_boundary = one(aws_iam_policy.boundary[*].arn)
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

# --- The primary ----------------------------------------------------------------------------------------------------

resource "aws_db_instance" "primary" {
  count = local.is_rds ? 1 : 0

  identifier     = local.name
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.database.instance_class
  multi_az       = var.database.multi_az

  db_name             = var.database.name
  username            = var.database.username
  password_wo         = local.master_password
  password_wo_version = var.master_password_version

  iam_database_authentication_enabled = true

  storage_type          = local.storage.type
  allocated_storage     = local.storage.allocated_gib
  max_allocated_storage = local.storage.max_gib
  iops                  = local.storage.iops
  storage_throughput    = local.storage.throughput_mib_s
  storage_encrypted     = true
  kms_key_id            = local.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.database.name
  vpc_security_group_ids = concat([aws_security_group.database.id], aws_security_group.lease[*].id)
  publicly_accessible    = var.access == "leased_public"
  port                   = var.database.port
  ca_cert_identifier     = var.database.ca_certificate
  parameter_group_name   = aws_db_parameter_group.instance.name

  backup_retention_period   = var.backup.retention_days
  backup_window             = var.backup.window
  copy_tags_to_snapshot     = true
  delete_automated_backups  = var.protection.delete_automated_backups
  deletion_protection       = local.deletion_protection
  skip_final_snapshot       = !var.protection.final_snapshot
  final_snapshot_identifier = var.protection.final_snapshot ? "${local.name}-final-${terraform_data.final_snapshot.output}" : null

  maintenance_window          = var.maintenance.window
  apply_immediately           = var.maintenance.apply_immediately
  auto_minor_version_upgrade  = var.maintenance.minor_upgrades
  allow_major_version_upgrade = var.maintenance.allow_major_upgrades

  enabled_cloudwatch_logs_exports       = local.log_exports
  monitoring_interval                   = var.insights.monitoring_interval_seconds
  monitoring_role_arn                   = var.insights.monitoring_interval_seconds > 0 ? aws_iam_role.monitoring.arn : null
  database_insights_mode                = var.insights.mode
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = local.kms_key_arn
  performance_insights_retention_period = var.insights.retention_days

  tags = { Name = local.name, Role = "primary" }

  depends_on = [
    aws_cloudwatch_log_group.database,
    aws_iam_role_policy_attachment.monitoring,
    aws_route.database_internet,              # a public address comes after the route to it
    aws_secretsmanager_secret_version.master, # a password is kept before it is used
    terraform_data.guards,
  ]

  lifecycle {
    postcondition {
      condition     = self.storage_encrypted && self.publicly_accessible == (var.access == "leased_public")
      error_message = "${local.name} is not as it was asked to be: encrypted and, unless access is leased_public, private. Compare it with database.tf; somebody changed it outside of Terraform."
    }

    postcondition {
      condition     = startswith(self.engine_version_actual, local.major_version)
      error_message = "${local.name} runs PostgreSQL ${self.engine_version_actual}, engine_version asks for ${var.engine_version}. Set engine_version to the major that runs, or finish the upgrade."
    }
  }
}

# --- Read replicas ----------------------------------------------------------------------------------------------------
#
# Terraform changes the primary before its replicas; RDS upgrades a minor version the other way round. Hence each
# replica has its own engine_version, and guards.tf refuses a primary that would overtake one.

resource "aws_db_instance" "replica" {
  #checkov:skip=CKV_AWS_133:Backups are the primary's; a replica is made anew from it.
  for_each = local.is_rds ? var.replicas : {}

  identifier          = local.replica_identifiers[each.key]
  replicate_source_db = aws_db_instance.primary[0].identifier
  engine_version      = coalesce(each.value.engine_version, var.engine_version)
  instance_class      = coalesce(each.value.instance_class, var.database.instance_class)
  multi_az            = coalesce(each.value.multi_az, false)
  availability_zone   = each.value.availability_zone == null ? null : "${var.region}${each.value.availability_zone}"

  iam_database_authentication_enabled = true

  # The size and, in the same region, the key are the primary's.
  storage_type          = local.storage.type
  max_allocated_storage = local.storage.max_gib
  iops                  = local.storage.iops
  storage_throughput    = local.storage.throughput_mib_s
  storage_encrypted     = true

  vpc_security_group_ids = concat([aws_security_group.database.id], aws_security_group.lease[*].id)
  publicly_accessible    = var.access == "leased_public"
  port                   = var.database.port
  ca_cert_identifier     = var.database.ca_certificate
  parameter_group_name   = aws_db_parameter_group.instance.name

  backup_retention_period  = 0
  copy_tags_to_snapshot    = true
  delete_automated_backups = var.protection.delete_automated_backups
  deletion_protection      = local.deletion_protection
  skip_final_snapshot      = true # RDS takes none of a replica

  maintenance_window          = var.maintenance.window
  apply_immediately           = var.maintenance.apply_immediately
  auto_minor_version_upgrade  = var.maintenance.minor_upgrades
  allow_major_version_upgrade = var.maintenance.allow_major_upgrades

  enabled_cloudwatch_logs_exports       = local.log_exports
  monitoring_interval                   = var.insights.monitoring_interval_seconds
  monitoring_role_arn                   = var.insights.monitoring_interval_seconds > 0 ? aws_iam_role.monitoring.arn : null
  database_insights_mode                = var.insights.mode
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = local.kms_key_arn
  performance_insights_retention_period = var.insights.retention_days

  tags = { Name = local.replica_identifiers[each.key], Role = "replica" }

  depends_on = [
    aws_cloudwatch_log_group.database,
    aws_iam_role_policy_attachment.monitoring,
    aws_route.database_internet,
  ]

  lifecycle {
    postcondition {
      condition     = self.storage_encrypted && self.publicly_accessible == (var.access == "leased_public")
      error_message = "${local.replica_identifiers[each.key]} is not as it was asked to be: encrypted and, unless access is leased_public, private. Compare it with database.tf; somebody changed it outside of Terraform."
    }
  }
}
