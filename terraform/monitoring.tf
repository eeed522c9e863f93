# Alarms, notifications, the dashboard: the module in monitoring/, told what this stack is made of. What it watches and
# when it rings is decided there.

locals {
  # Keys are known at plan time, values may come with the apply. The size is the disk's real one: RDS grows it, and the
  # alarm's threshold follows with the next apply.
  rds_instances = merge(
    { for primary in aws_db_instance.primary : local.name => { role = "primary", class = var.database.instance_class, allocated_gib = primary.allocated_storage, max_gib = local.storage.max_gib } },
    { for name, replica in aws_db_instance.replica : local.replica_identifiers[name] => { role = "replica", class = replica.instance_class, allocated_gib = replica.allocated_storage, max_gib = local.storage.max_gib } },
  )

  # Without a range guards.tf refuses db.serverless; any will do then, so that one mistake gives one sentence.
  serverless_range = contains(local.instance_classes, "db.serverless") ? { min_acu = try(var.aurora.serverless.min_acu, 0.5), max_acu = try(var.aurora.serverless.max_acu, 1) } : null

  cluster_instances = { for member in values(local.aurora_instances) : member.identifier => { role = "member", class = member.instance_class, allocated_gib = null, max_gib = null } }
}

module "monitoring" {
  source = "../monitoring"

  name       = local.name
  engine     = var.engine
  region     = var.region
  instances  = merge(local.rds_instances, local.cluster_instances)
  cluster    = local.is_aurora ? local.name : null
  serverless = local.serverless_range
  kms_key    = { arn = local.kms_key_arn }

  log_groups       = { for owner in local.log_owners : basename(owner) => aws_cloudwatch_log_group.database["/aws/rds/${owner}/postgresql"].name }
  nat_gateways     = { for zone, gateway in aws_nat_gateway.main : zone => gateway.id }
  parameter_groups = [aws_db_parameter_group.instance.name]

  actions_enabled      = coalesce(var.monitoring.actions_enabled, var.environment != "test")
  subscribers          = var.monitoring.subscribers
  health_check_minutes = var.monitoring.health_check_minutes
  runbooks             = var.monitoring.runbooks
}
