# engine = "aurora": Aurora PostgreSQL, for what one RDS machine no longer carries. Same inputs, same outputs:
#
#   input                     on Aurora
#   storage                   refused: the volume sizes itself
#   database.multi_az         asks for at least one entry in replicas, which takes over when the writer fails
#   replicas                  readers of the same volume; engine_version and multi_az are refused, promotion_tier is used
#   aurora                    only here; refused with engine rds
#   parameters                split between the cluster's and the instances' group by the table in parameters.tf
#   log exports               without `upgrade`, which Aurora does not have
#   everything else           used as it is

locals {
  # The instance that writes first. After a failover another one may: clients use the cluster's endpoints.
  aurora_members = merge(
    { first = { identifier = "${local.name}-first", instance_class = var.database.instance_class, zone = null, tier = 0 } },
    { for name, replica in var.replicas : name => {
      identifier     = local.replica_identifiers[name]
      instance_class = coalesce(replica.instance_class, var.database.instance_class)
      zone           = replica.availability_zone
      tier           = coalesce(replica.promotion_tier, 1)
    } }
  )

  aurora_instances = { for name, member in local.aurora_members : name => member if local.is_aurora }
}

resource "aws_rds_cluster" "aurora" {
  count = local.is_aurora ? 1 : 0

  cluster_identifier = local.name
  engine             = "aurora-postgresql"
  engine_version     = var.engine_version

  database_name              = var.database.name
  master_username            = var.database.username
  master_password_wo         = local.master_password
  master_password_wo_version = var.master_password_version

  iam_database_authentication_enabled = true

  storage_type      = var.aurora.io_optimized ? "aurora-iopt1" : null
  storage_encrypted = true
  kms_key_id        = local.kms_key_arn

  db_subnet_group_name             = aws_db_subnet_group.database.name
  vpc_security_group_ids           = concat([aws_security_group.database.id], aws_security_group.lease[*].id)
  port                             = var.database.port
  db_cluster_parameter_group_name  = aws_rds_cluster_parameter_group.cluster[0].name
  db_instance_parameter_group_name = var.maintenance.allow_major_upgrades ? aws_db_parameter_group.instance.name : null

  backup_retention_period   = var.backup.retention_days
  preferred_backup_window   = var.backup.window
  copy_tags_to_snapshot     = true
  delete_automated_backups  = var.protection.delete_automated_backups
  deletion_protection       = local.deletion_protection
  skip_final_snapshot       = !var.protection.final_snapshot
  final_snapshot_identifier = var.protection.final_snapshot ? "${local.name}-final-${terraform_data.final_snapshot.output}" : null

  preferred_maintenance_window = var.maintenance.window
  apply_immediately            = var.maintenance.apply_immediately
  allow_major_version_upgrade  = var.maintenance.allow_major_upgrades

  enabled_cloudwatch_logs_exports       = local.log_exports
  database_insights_mode                = var.insights.mode
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = local.kms_key_arn
  performance_insights_retention_period = var.insights.retention_days

  dynamic "serverlessv2_scaling_configuration" {
    for_each = var.aurora.serverless[*]

    content {
      min_capacity             = serverlessv2_scaling_configuration.value.min_acu
      max_capacity             = serverlessv2_scaling_configuration.value.max_acu
      seconds_until_auto_pause = serverlessv2_scaling_configuration.value.auto_pause_seconds
    }
  }

  tags = { Name = local.name, Role = "cluster" }

  depends_on = [
    aws_cloudwatch_log_group.database,
    aws_secretsmanager_secret_version.master, # a password is kept before it is used
    terraform_data.guards,
  ]

  lifecycle {
    postcondition {
      condition     = self.storage_encrypted
      error_message = "Cluster ${local.name} is not encrypted. It was made outside of Terraform: restore a snapshot of it with a key."
    }

    postcondition {
      condition     = startswith(self.engine_version_actual, local.major_version)
      error_message = "Cluster ${local.name} runs PostgreSQL ${self.engine_version_actual}, engine_version asks for ${var.engine_version}. Set engine_version to the major that runs, or finish the upgrade."
    }
  }
}

resource "aws_rds_cluster_instance" "aurora" {
  for_each = local.aurora_instances

  identifier         = each.value.identifier
  cluster_identifier = aws_rds_cluster.aurora[0].cluster_identifier
  engine             = aws_rds_cluster.aurora[0].engine
  instance_class     = each.value.instance_class
  availability_zone  = each.value.zone == null ? null : "${var.region}${each.value.zone}"
  promotion_tier     = each.value.tier

  db_subnet_group_name    = aws_db_subnet_group.database.name
  db_parameter_group_name = aws_db_parameter_group.instance.name
  publicly_accessible     = var.access == "leased_public"
  ca_cert_identifier      = var.database.ca_certificate

  preferred_maintenance_window = var.maintenance.window
  apply_immediately            = var.maintenance.apply_immediately
  auto_minor_version_upgrade   = var.maintenance.minor_upgrades
  copy_tags_to_snapshot        = true

  monitoring_interval                   = var.insights.monitoring_interval_seconds
  monitoring_role_arn                   = var.insights.monitoring_interval_seconds > 0 ? aws_iam_role.monitoring.arn : null
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = local.kms_key_arn
  performance_insights_retention_period = var.insights.retention_days

  tags = { Name = each.value.identifier, Role = "instance" }

  depends_on = [
    aws_iam_role_policy_attachment.monitoring,
    aws_route.database_internet, # a public address comes after the route to it
  ]

  lifecycle {
    postcondition {
      condition     = self.publicly_accessible == (var.access == "leased_public")
      error_message = "${each.value.identifier} is not as it was asked to be: private, unless access is leased_public. Compare it with aurora.tf; somebody changed it outside of Terraform."
    }
  }
}
