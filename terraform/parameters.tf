# PostgreSQL's settings, as data. `apply` is pending-reboot for static parameters and immediate for dynamic ones;
# `aurora` says in which group Aurora reads it: set in the other one it is silently ignored. What only engine rds has
# says none. Both are facts of the engine: check them against `aws rds describe-engine-default-parameters` when the
# major version changes.
#
# Not here: statement_timeout and lock_timeout, which belong to logins (a migration may take longer than a checkout):
# scripts/db_roles.py sets them.

locals {
  parameter_table = {
    # TLS or nothing. AWS applies it at once, but declared so the provider shows a change on every plan.
    "rds.force_ssl" = { value = "1", apply = "pending-reboot", aurora = "cluster" }

    # What ran, how often, how long; and the plans of what was slow.
    "shared_preload_libraries"      = { value = "pg_stat_statements,auto_explain", apply = "pending-reboot", aurora = "instance" }
    "pg_stat_statements.track"      = { value = "top", apply = "immediate", aurora = "instance" }
    "auto_explain.log_min_duration" = { value = "2000", apply = "immediate", aurora = "instance" }
    "auto_explain.log_format"       = { value = "json", apply = "immediate", aurora = "instance" }
    "track_io_timing"               = { value = "1", apply = "immediate", aurora = "instance" }

    # The log: schema changes, slow statements, waits. Never every statement: that would write customers' data into it.
    "log_statement"                       = { value = "ddl", apply = "immediate", aurora = "instance" }
    "log_min_duration_statement"          = { value = "1000", apply = "immediate", aurora = "instance" }
    "log_error_verbosity"                 = { value = "verbose", apply = "immediate", aurora = "instance" } # with the SQLSTATE: refused checkouts are counted by it
    "log_connections"                     = { value = "all", apply = "immediate", aurora = "instance" }     # PostgreSQL 18 takes a list, no 0 or 1
    "log_disconnections"                  = { value = "1", apply = "immediate", aurora = "instance" }
    "log_lock_waits"                      = { value = "1", apply = "immediate", aurora = "instance" }
    "log_temp_files"                      = { value = "0", apply = "immediate", aurora = "instance" }
    "log_autovacuum_min_duration"         = { value = "2000", apply = "immediate", aurora = "instance" }
    "rds.force_autovacuum_logging_level"  = { value = "warning", apply = "immediate", aurora = "instance" }
    "log_parameter_max_length"            = { value = "0", apply = "immediate", aurora = "instance" } # bound values are customers' data
    "log_parameter_max_length_on_error"   = { value = "0", apply = "immediate", aurora = "instance" }
    "idle_in_transaction_session_timeout" = { value = "300000", apply = "immediate", aurora = "instance" } # ms

    # A replica that is down keeps write-ahead log on the primary. A fifth of the disk is the limit; beyond it the
    # replica must be made anew, and the shop goes on selling.
    "max_slot_wal_keep_size" = { value = tostring(floor(local.storage.max_gib * 1024 / 5)), apply = "immediate", aurora = "none" } # MB
  }

  parameters = { for name, parameter in local.parameter_table : name => merge(parameter, { value = lookup(var.parameters, name, parameter.value) }) }

  cluster_parameters  = { for name, parameter in local.parameters : name => parameter if parameter.aurora == "cluster" }
  instance_parameters = { for name, parameter in local.parameters : name => parameter if local.is_rds || parameter.aurora == "instance" }

  major_version    = split(".", var.engine_version)[0]
  parameter_family = local.is_rds ? "postgres${local.major_version}" : "aurora-postgresql${local.major_version}"
}

# The family is part of the name and the new group comes before the old one goes: a major upgrade needs both.
resource "aws_db_parameter_group" "instance" {
  name_prefix = "${local.name}-${local.parameter_family}-"
  family      = local.parameter_family
  description = "Instances of ${local.name}, see terraform/parameters.tf"

  dynamic "parameter" {
    for_each = local.instance_parameters

    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = parameter.value.apply
    }
  }

  tags = { Name = local.name }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_rds_cluster_parameter_group" "cluster" {
  count = local.is_aurora ? 1 : 0

  name_prefix = "${local.name}-${local.parameter_family}-"
  family      = local.parameter_family
  description = "Cluster ${local.name}, see terraform/parameters.tf"

  dynamic "parameter" {
    for_each = local.cluster_parameters

    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = parameter.value.apply
    }
  }

  tags = { Name = local.name }

  lifecycle {
    create_before_destroy = true
  }
}
