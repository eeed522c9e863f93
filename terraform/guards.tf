# Combinations that the provider accepts in silence and AWS refuses half-way through an apply, or that production must
# not have. They are preconditions of one resource that makes nothing: all that is wrong is reported in one plan.
#
# Why not `validation`: that also refuses `terraform destroy`, so a stack with a bad setting could not be taken down.
# Why not `check`: it only warns. Every sentence names the setting, and what to write instead.

locals {
  # Minutes since midnight, and since Sunday midnight. A window that ends before it begins ends the next day or week.
  week_days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  backup_times  = [for time in split("-", var.backup.window) : try(60 * tonumber(split(":", time)[0]) + tonumber(split(":", time)[1]), 0)]
  backup_begin  = local.backup_times[0]
  backup_length = (local.backup_times[1] - local.backup_begin + 1440) % 1440

  maintenance_times  = [for time in split("-", var.maintenance.window) : try(1440 * index(local.week_days, split(":", time)[0]) + 60 * tonumber(split(":", time)[1]) + tonumber(split(":", time)[2]), 0)]
  maintenance_begin  = local.maintenance_times[0]
  maintenance_length = (local.maintenance_times[1] - local.maintenance_begin + 10080) % 10080

  # The backup of the evening before Sunday and that of the next Sunday may touch the maintenance window, too.
  windows_overlap = anytrue([
    for day in range(-1, 15) :
    1440 * day + local.backup_begin < local.maintenance_begin + local.maintenance_length &&
    local.maintenance_begin < 1440 * day + local.backup_begin + local.backup_length
  ])

  exact_minor        = strcontains(var.engine_version, ".")
  storage_is_touched = anytrue([for setting in values(var.storage) : setting != null])
  instance_classes   = concat([var.database.instance_class], [for replica in values(var.replicas) : coalesce(replica.instance_class, var.database.instance_class)])
  serverless_asked   = var.aurora.serverless != null
  unknown_parameters = setsubtract(keys(var.parameters), keys(local.parameter_table))

  # Replicas whose version the primary would overtake. A minor that nobody named is the primary's, in the same apply.
  replicas_behind = [
    for name, replica in var.replicas : name
    if local.exact_minor && try(tonumber(split(".", replica.engine_version)[1]) < tonumber(split(".", var.engine_version)[1]), true)
  ]
}

resource "terraform_data" "guards" {
  lifecycle {
    # --- Read replicas and upgrades -----------------------------------------------------------------------------------

    precondition {
      condition     = local.is_aurora || length(var.replicas) == 0 || var.backup.retention_days >= 1
      error_message = "backup.retention_days is 0 and there are replicas. Set it to 1 or more: RDS makes read replicas out of automated backups."
    }

    precondition {
      condition     = local.is_aurora || length(local.replicas_behind) == 0
      error_message = "engine_version is ${var.engine_version}, a minor, and replicas are not there yet: ${join(", ", local.replicas_behind)}. Set engine_version = \"${var.engine_version}\" on each of them and apply with the primary's old one first, then change the primary's: RDS upgrades a minor on replicas before their source."
    }

    precondition {
      condition     = local.is_aurora || alltrue([for replica in values(var.replicas) : !(coalesce(replica.multi_az, false) && replica.availability_zone != null)])
      error_message = "replicas has one with multi_az and availability_zone. Leave one of them out: RDS chooses the zones of a Multi-AZ instance."
    }

    precondition {
      condition     = local.is_aurora || alltrue([for replica in values(var.replicas) : replica.promotion_tier == null])
      error_message = "replicas sets promotion_tier, which engine rds does not have. Leave it out: with multi_az the standby takes over, and a replica is promoted by hand."
    }

    # --- The engine ---------------------------------------------------------------------------------------------------

    precondition {
      condition     = local.is_rds || !local.storage_is_touched
      error_message = "storage is set with engine aurora, whose volume sizes itself. Leave storage out; aurora.io_optimized is what there is to choose."
    }

    precondition {
      condition     = local.is_rds || alltrue([for replica in values(var.replicas) : replica.engine_version == null])
      error_message = "replicas sets engine_version with engine aurora. Leave it out: a cluster has one version, and Aurora upgrades all its instances together."
    }

    precondition {
      condition     = local.is_rds || alltrue([for replica in values(var.replicas) : replica.multi_az == null])
      error_message = "replicas sets multi_az with engine aurora. Leave it out: an Aurora replica is itself what takes over; choose its availability_zone."
    }

    precondition {
      condition     = local.is_rds || !var.database.multi_az || length(var.replicas) > 0
      error_message = "database.multi_az is true with engine aurora and no replica. Name one in replicas (it takes over when the writer fails), or set database.multi_az = false."
    }

    precondition {
      condition     = local.is_rds || alltrue([for class in local.instance_classes : !can(regex("^db\\.(m[0-9]|t4g\\.(micro|small|xlarge|2xlarge)|t3\\.(micro|small|xlarge|2xlarge))", class))])
      error_message = "An instance_class out of ${join(", ", distinct(local.instance_classes))} is not made for Aurora. Take db.t4g.medium or db.t4g.large for tests, db.r8g or db.r7g classes, or db.serverless."
    }

    precondition {
      condition     = local.is_aurora || !contains(local.instance_classes, "db.serverless")
      error_message = "instance_class is db.serverless with engine rds. Set engine = \"aurora\", or take a class such as db.t4g.medium."
    }

    precondition {
      condition     = local.is_aurora || !local.serverless_asked && !var.aurora.io_optimized
      error_message = "aurora is set with engine rds. Leave it out, or set engine = \"aurora\"."
    }

    precondition {
      condition     = local.is_rds || local.serverless_asked == contains(local.instance_classes, "db.serverless")
      error_message = "instance_class db.serverless and aurora.serverless belong together. Set both, with min_acu and max_acu, or neither."
    }

    precondition {
      condition     = local.is_rds || var.backup.retention_days >= 1
      error_message = "backup.retention_days is 0 with engine aurora. Set it to 1 or more: Aurora cannot switch backups off."
    }

    # --- Windows ------------------------------------------------------------------------------------------------------

    precondition {
      condition     = local.backup_length >= 30
      error_message = "backup.window \"${var.backup.window}\" is ${local.backup_length} minutes long. RDS wants 30 or more: write it like 02:00-03:00."
    }

    precondition {
      condition     = local.maintenance_length >= 30 && local.maintenance_length <= 1440
      error_message = "maintenance.window \"${var.maintenance.window}\" is ${local.maintenance_length} minutes long. RDS wants 30 minutes to 24 hours: write it like sun:03:30-sun:04:30."
    }

    precondition {
      condition     = !local.windows_overlap
      error_message = "backup.window \"${var.backup.window}\" overlaps maintenance.window \"${var.maintenance.window}\". Move one: RDS refuses both at once."
    }

    # --- Parameters ---------------------------------------------------------------------------------------------------

    precondition {
      condition     = length(local.unknown_parameters) == 0
      error_message = "parameters names ${join(", ", local.unknown_parameters)}, which is not in the table. Add it to parameters.tf, where its scope and whether it needs a restart are said."
    }

    # --- Production: only a teardown passes -----------------------------------------------------------------------------

    precondition {
      condition     = !local.is_production || var.teardown || var.protection.deletion_protection
      error_message = "protection.deletion_protection is false in production. Set it to true; the destroyer switches it off when it is time."
    }

    precondition {
      condition     = !local.is_production || var.teardown || var.protection.final_snapshot
      error_message = "protection.final_snapshot is false in production. Set it to true: it is what remains of the shop after a destroy."
    }

    precondition {
      condition     = !local.is_production || var.teardown || !var.protection.delete_automated_backups
      error_message = "protection.delete_automated_backups is true in production. Set it to false: point-in-time recovery then works after a deletion, too."
    }

    precondition {
      condition     = !local.is_production || var.teardown || var.protection.secret_recovery_days > 0
      error_message = "protection.secret_recovery_days is 0 in production. Set it to 7 or more: a deleted password could not be had back."
    }

    precondition {
      condition     = !local.is_production || var.teardown || var.database.multi_az
      error_message = "database.multi_az is false in production. Set it to true: with one zone its failure stops the shop, and so does every maintenance."
    }

    precondition {
      condition     = !local.is_production || var.teardown || var.backup.retention_days >= 7
      error_message = "backup.retention_days is ${var.backup.retention_days} in production. Set it to 7 or more: an error found after a weekend must still be in reach."
    }

    precondition {
      condition     = !local.is_production || var.teardown || var.access != "leased_public"
      error_message = "access is leased_public in production. Set it to private, or to ssm for a tunnel: a production database has no public endpoint."
    }

    precondition {
      condition     = !local.is_production || var.teardown || var.insights.monitoring_interval_seconds > 0
      error_message = "insights.monitoring_interval_seconds is 0 in production. Set it to 60: memory and processes are seen in no other way."
    }

    precondition {
      condition     = !local.is_production || var.teardown || var.logs.retention_days >= 365
      error_message = "logs.retention_days is ${var.logs.retention_days} in production. Set it to 365 or more: audits ask for a year."
    }
  }
}
