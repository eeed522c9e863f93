# What the programs in scripts/ and people need to know. Same names for both engines. No secret.

locals {
  # Without replicas, reading happens on the primary; so does it on Aurora's reader endpoint.
  replica_hosts = local.is_rds ? { for name, replica in aws_db_instance.replica : name => replica.address } : { for name in keys(var.replicas) : name => aws_rds_cluster_instance.aurora[name].endpoint }
  reader_host   = local.is_aurora ? one(aws_rds_cluster.aurora[*].reader_endpoint) : try(values(local.replica_hosts)[0], one(aws_db_instance.primary[*].address))
  writer_host   = local.is_aurora ? one(aws_rds_cluster.aurora[*].endpoint) : one(aws_db_instance.primary[*].address)
}

output "environment" {
  description = "DB_ENVIRONMENT of scripts/.env."
  value       = var.environment
}

output "region" {
  description = "AWS_REGION of scripts/.env."
  value       = var.region
}

output "engine" {
  description = "rds or aurora."
  value       = var.engine
}

output "identifier" {
  description = "The instance, or the cluster."
  value       = local.name
}

output "db_host" {
  description = "Where to write."
  value       = local.writer_host
}

output "db_reader_host" {
  description = "Where to read what may be seconds old: Aurora's reader endpoint, the first replica, or the primary."
  value       = local.reader_host
}

output "db_replica_hosts" {
  description = "Each replica's host by its name."
  value       = local.replica_hosts
}

output "db_port" {
  description = "The port of all hosts."
  value       = var.database.port
}

output "db_name" {
  description = "The database made with the server."
  value       = var.database.name
}

output "db_user" {
  description = "The master login. Applications get logins of their own."
  value       = var.database.username
}

output "db_secret_arn" {
  description = "DB_SECRET_ARN of scripts/.env: the secret with the master login."
  value       = aws_secretsmanager_secret.master.arn
}

output "access" {
  description = "private, ssm or leased_public."
  value       = var.access
}

output "lease_security_group_id" {
  description = "The group that scripts/runner_access.py lets addresses into, with access = leased_public."
  value       = one(aws_security_group.lease[*].id)
}

output "lease_schedule_group" {
  description = "Where scripts/runner_access.py keeps the timers of its leases, with access = leased_public."
  value       = one(aws_scheduler_schedule_group.lease[*].name)
}

output "lease_schedule_role_arn" {
  description = "What those timers act as."
  value       = one(aws_iam_role.lease_timer[*].arn)
}

output "tunnel_instance_id" {
  description = "The host that scripts/tunnel.py forwards a port through, with access = ssm."
  value       = one(aws_instance.tunnel[*].id)
}

output "clients_security_group_id" {
  description = "For the shop's services: whoever wears it may connect."
  value       = aws_security_group.clients.id
}

output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.main.id
}

output "application_subnet_ids" {
  description = "Subnets for the shop's services, by zone."
  value       = { for zone, subnet in aws_subnet.application : zone => subnet.id }
}

output "kms_key_arn" {
  description = "The key. Keep it as long as any snapshot made under it."
  value       = local.kms_key_arn
}

output "iam_login_policy_arns" {
  description = "Attach to who may log in as that login by IAM token."
  value       = { for login, policy in aws_iam_policy.login : login => policy.arn }
}

output "topic_arns" {
  description = "Where alarms and events go: `page` and `notify`."
  value       = module.monitoring.topic_arns
}

output "alarm_actions_enabled" {
  description = "Whether alarms and events tell anybody."
  value       = module.monitoring.actions_enabled
}

output "dashboard_name" {
  description = "The CloudWatch dashboard."
  value       = module.monitoring.dashboard_name
}

output "github_role_arns" {
  description = "Roles for GitHub Actions: plan (pull requests), deploy and migrate (the environment)."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}
