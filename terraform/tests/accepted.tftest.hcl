# What is accepted, and what comes of it. Plans only, with the real provider against an emulated AWS; the other half is
# refused.tftest.hcl.

variables {
  environment = "test"
}

run "defaults_are_the_safe_choice" {
  command = plan

  assert {
    condition     = aws_db_instance.primary[0].multi_az && aws_db_instance.primary[0].storage_encrypted && aws_db_instance.primary[0].deletion_protection && !aws_db_instance.primary[0].publicly_accessible && !aws_db_instance.primary[0].skip_final_snapshot
    error_message = "With nothing but an environment the database is Multi-AZ, encrypted, protected, private and leaves a final snapshot."
  }

  assert {
    condition     = aws_db_instance.primary[0].backup_retention_period >= 7 && aws_db_instance.primary[0].copy_tags_to_snapshot && aws_db_instance.primary[0].iam_database_authentication_enabled && aws_db_instance.primary[0].auto_minor_version_upgrade
    error_message = "Backups reach back a week or more, snapshots are tagged, IAM logins work and minor versions come by themselves."
  }

  assert {
    condition     = aws_db_instance.primary[0].max_allocated_storage > aws_db_instance.primary[0].allocated_storage
    error_message = "Storage grows by itself."
  }

  assert {
    condition     = length(aws_internet_gateway.main) == 0 && length(aws_nat_gateway.main) == 0 && length(aws_subnet.public) == 0
    error_message = "A private database needs no way to the internet and pays for none."
  }

  assert {
    condition     = aws_db_instance.primary[0].manage_master_user_password == null && length(aws_db_instance.primary[0].blue_green_update) == 0
    error_message = "A managed password and provider-driven blue/green deployments are refused by RDS beside replicas."
  }

  assert {
    condition     = contains([for parameter in aws_db_parameter_group.instance.parameter : "${parameter.name}=${parameter.value} ${parameter.apply_method}"], "rds.force_ssl=1 pending-reboot")
    error_message = "TLS is forced, and declared so that no plan shows a change."
  }

  assert {
    condition     = length(aws_cloudwatch_log_group.database) == 2 && alltrue([for group in aws_cloudwatch_log_group.database : group.retention_in_days >= 365])
    error_message = "Both log groups exist before RDS makes them itself, and keep a year."
  }

  assert {
    condition     = length(aws_iam_role.github) == 0 && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "GitHub gets no role unless asked for."
  }
}

run "everything_is_tagged_with_its_environment" {
  command = plan

  variables {
    tags = { Team = "checkout" }
  }

  assert {
    condition     = alltrue([for tags in [aws_vpc.main.tags_all, aws_kms_key.main[0].tags_all, aws_db_instance.primary[0].tags_all, aws_secretsmanager_secret.master.tags_all] : tags["Environment"] == "test" && tags["Project"] == "shop" && tags["Team"] == "checkout"])
    error_message = "Environment, Project and the given tags are on every resource."
  }
}

run "three_zones" {
  command = plan

  assert {
    condition     = { for zone, subnet in aws_subnet.database : zone => subnet.cidr_block } == { eu-west-1a = "10.20.16.0/24", eu-west-1b = "10.20.17.0/24", eu-west-1c = "10.20.18.0/24" }
    error_message = "A subnet's address follows from its zone's letter."
  }
}

run "a_zone_less_renumbers_nothing" {
  command = plan

  variables {
    network = { availability_zones = ["a", "c"] }
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.database : zone => subnet.cidr_block } == { eu-west-1a = "10.20.16.0/24", eu-west-1c = "10.20.18.0/24" }
    error_message = "Taking zone b away leaves the addresses of a and c."
  }
}

run "smallest_network" {
  command = plan

  variables {
    network = { cidr = "10.20.0.0/20" }
  }

  assert {
    condition     = aws_subnet.database["eu-west-1a"].cidr_block == "10.20.1.0/28" && aws_subnet.application["eu-west-1c"].cidr_block == "10.20.6.0/24"
    error_message = "A /20 holds all tiers."
  }
}

run "one_nat_gateway_for_all_zones" {
  command = plan

  variables {
    network = { nat = "single" }
  }

  assert {
    condition     = length(aws_nat_gateway.main) == 1 && length(aws_route.application_nat) == 3
    error_message = "One gateway serves three application subnets."
  }
}

run "a_nat_gateway_in_each_zone" {
  command = plan

  variables {
    network = { nat = "per_az" }
  }

  assert {
    condition     = length(aws_nat_gateway.main) == 3 && length(aws_route.application_nat) == 3 && length(aws_route.database_internet) == 0
    error_message = "Each application subnet has its zone's gateway; the database has none."
  }
}

run "leased_public_is_a_route_and_an_empty_group" {
  command = plan

  variables {
    access = "leased_public"
  }

  assert {
    condition     = aws_db_instance.primary[0].publicly_accessible && length(aws_route.database_internet) == 1 && length(aws_security_group.lease) == 1
    error_message = "A public address, a route to it, and the group that leases go into."
  }

  assert {
    condition     = aws_scheduler_schedule_group.lease[0].name == "shop-test-lease" && length(aws_iam_role.lease_timer) == 1
    error_message = "Timers close what a lost job left open."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.client_cidrs) == 0 && alltrue([for rule in [aws_vpc_security_group_ingress_rule.clients] : rule.cidr_ipv4 == null])
    error_message = "No rule lets an address in."
  }
}

run "a_tunnel_host_without_any_way_in" {
  command = plan

  variables {
    access = "ssm"
  }

  assert {
    condition     = aws_instance.tunnel[0].instance_type == "t4g.nano" && aws_instance.tunnel[0].metadata_options[0].http_tokens == "required" && aws_instance.tunnel[0].root_block_device[0].encrypted && length(aws_vpc_security_group_ingress_rule.client_cidrs) == 0
    error_message = "The smallest host, IMDSv2 only, encrypted."
  }

  assert {
    condition     = !aws_db_instance.primary[0].publicly_accessible && length(aws_route.database_internet) == 0
    error_message = "The database stays private."
  }
}

run "replicas_take_what_they_leave_out_from_the_primary" {
  command = plan

  variables {
    replicas = {
      small = {}
      large = { instance_class = "db.r8g.large", availability_zone = "b" }
    }
  }

  assert {
    condition     = aws_db_instance.replica["small"].instance_class == "db.t4g.medium" && aws_db_instance.replica["large"].instance_class == "db.r8g.large" && aws_db_instance.replica["large"].availability_zone == "eu-west-1b"
    error_message = "Classes and zones are each replica's own, or the primary's."
  }

  assert {
    condition     = length(aws_cloudwatch_log_group.database) == 6
    error_message = "Each replica's logs go to groups that are encrypted, too."
  }
}

run "minor_upgrade_replicas_first" {
  command = plan

  variables {
    engine_version = "18.1"
    replicas       = { replica-1 = { engine_version = "18.2" } }
  }

  assert {
    condition     = aws_db_instance.replica["replica-1"].engine_version == "18.2" && aws_db_instance.primary[0].engine_version == "18.1"
    error_message = "Replicas go ahead of their source."
  }
}

run "minor_upgrade_then_the_primary" {
  command = plan

  variables {
    engine_version = "18.2"
    replicas       = { replica-1 = { engine_version = "18.2" } }
  }
}

run "gp3_with_more_than_is_included" {
  command = plan

  variables {
    storage = { allocated_gib = 400, iops = 16000, throughput_mib_s = 4000 }
  }

  assert {
    condition     = aws_db_instance.primary[0].iops == 16000 && aws_db_instance.primary[0].storage_throughput == 4000 && aws_db_instance.primary[0].max_allocated_storage == 2000
    error_message = "From 400 GiB on IOPS and throughput can be raised."
  }
}

run "io2" {
  command = plan

  variables {
    storage = { type = "io2", allocated_gib = 100, iops = 10000 }
  }
}

run "a_key_that_was_kept" {
  command = plan

  variables {
    encryption = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-1111-1111-1111-111111111111" }
  }

  assert {
    condition     = length(aws_kms_key.main) == 0 && length(aws_kms_alias.main) == 0 && aws_db_instance.primary[0].kms_key_id == var.encryption.kms_key_arn
    error_message = "A given key is used and none is made."
  }
}

run "a_password_of_ones_own" {
  command = plan

  variables {
    db_password = "correct-horse-battery-staple"
  }
}

run "windows_that_only_touch" {
  command = plan

  variables {
    backup      = { window = "23:00-00:00" }
    maintenance = { window = "sun:00:00-sun:01:00" }
  }
}

# --- Monitoring -------------------------------------------------------------------------------------------------------

run "alarms_tell_nobody_in_test_unless_asked" {
  command = plan

  assert {
    condition     = alltrue([for alarm in module.monitoring.alarms : contains(["page", "notify"], alarm.channel)]) && contains(keys(module.monitoring.alarms), "shop-test/storage-low")
    error_message = "Every alarm has somebody to tell, and the primary's disk has one."
  }

  assert {
    condition     = !output.alarm_actions_enabled
    error_message = "A test stack wakes nobody."
  }
}

run "alarms_tell_somebody_when_asked" {
  command = plan

  variables {
    monitoring = { actions_enabled = true }
  }

  assert {
    condition     = output.alarm_actions_enabled
    error_message = "Asked for, alarms act in test, too."
  }
}

run "alarms_tell_somebody_in_production" {
  command = plan

  variables {
    environment = "production"
    replicas    = { replica-1 = { instance_class = "db.r8g.large" } }
    network     = { nat = "single" }
  }

  assert {
    condition     = output.alarm_actions_enabled
    error_message = "In production alarms act."
  }

  assert {
    condition     = module.monitoring.alarms["shop-production/memory-exhausted"].threshold == 0.05 * 4 * 1073741824 && module.monitoring.alarms["shop-production-replica-1/memory-exhausted"].threshold == 0.05 * 16 * 1073741824
    error_message = "Thresholds follow each instance's own class."
  }

  assert {
    condition     = length(setsubtract(["shop-production-nat-eu-west-1a/nat-ports-exhausted", "shop-production/deadlocks", "shop-production-replica-1/deadlocks", "shop-production-replica-1/replica-lag"], keys(module.monitoring.alarms))) == 0
    error_message = "NAT, logs and replicas are watched."
  }
}

# --- Aurora -----------------------------------------------------------------------------------------------------------

run "aurora" {
  command = plan

  variables {
    engine   = "aurora"
    access   = "leased_public"
    replicas = { reader = { promotion_tier = 0, availability_zone = "b" } }
  }

  assert {
    condition     = length(aws_db_instance.primary) == 0 && length(aws_rds_cluster.aurora) == 1 && length(aws_rds_cluster_instance.aurora) == 2
    error_message = "A cluster of a writer and a reader instead of an instance."
  }

  assert {
    condition     = alltrue([for instance in aws_rds_cluster_instance.aurora : instance.publicly_accessible])
    error_message = "Access is each instance's."
  }

  assert {
    condition     = keys(aws_cloudwatch_log_group.database) == ["/aws/rds/cluster/shop-test/postgresql"] && aws_rds_cluster.aurora[0].enabled_cloudwatch_logs_exports == toset(["postgresql"])
    error_message = "Aurora exports no upgrade log."
  }

  assert {
    condition     = [for parameter in aws_rds_cluster_parameter_group.cluster[0].parameter : parameter.name] == ["rds.force_ssl"] && !contains([for parameter in aws_db_parameter_group.instance.parameter : parameter.name], "rds.force_ssl")
    error_message = "Each parameter stands in the group that Aurora reads."
  }

  assert {
    condition     = !contains([for parameter in aws_db_parameter_group.instance.parameter : parameter.name], "max_slot_wal_keep_size")
    error_message = "What Aurora does not have is left out."
  }
}

run "aurora_serverless" {
  command = plan

  variables {
    engine   = "aurora"
    database = { instance_class = "db.serverless" }
    replicas = { reader = {} }
    aurora   = { io_optimized = true, serverless = { min_acu = 0.5, max_acu = 16 } }
  }

  assert {
    condition     = aws_rds_cluster.aurora[0].serverlessv2_scaling_configuration[0].max_capacity == 16 && aws_rds_cluster.aurora[0].storage_type == "aurora-iopt1"
    error_message = "Capacity and storage are the cluster's."
  }
}

# --- GitHub -----------------------------------------------------------------------------------------------------------

run "github_by_name" {
  command = plan

  variables {
    github = { owner = "acme", repository = "shop" }
  }

  assert {
    condition     = toset(keys(aws_iam_role.github)) == toset(["plan", "deploy", "migrate"])
    error_message = "One role reads plans, one applies, one migrates."
  }

  assert {
    condition     = local.github_subjects.plan == ["repo:acme/shop:pull_request"] && local.github_subjects.deploy == ["repo:acme/shop:environment:test"]
    error_message = "Each role is bound to one repository, and to pull requests or one environment."
  }

  assert {
    condition     = !strcontains(data.aws_iam_policy_document.github_plan[0].json, "GetSecretValue") && !strcontains(data.aws_iam_policy_document.github_plan[0].json, "kms:Decrypt") && strcontains(data.aws_iam_policy_document.github_plan[0].json, "secretsmanager:GetRandomPassword")
    error_message = "A pull request's plan reads no secret, and can open the ephemeral password."
  }
}

run "github_by_ids" {
  command = plan

  variables {
    access = "leased_public"
    github = { owner = "acme", repository = "shop", owner_id = "42", repository_id = "4711", oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }

  assert {
    condition     = local.github_subjects.migrate == ["repo:acme/shop:environment:test", "repo:acme@42/shop@4711:environment:test"] && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "Both spellings of a subject are accepted, and the account's provider is used."
  }
}

# --- Taking it down ---------------------------------------------------------------------------------------------------

run "teardown_passes_the_guards_of_production" {
  command = plan

  variables {
    environment = "production"
    teardown    = true
    protection  = { final_snapshot = false, delete_automated_backups = true, secret_recovery_days = 0 }
  }

  assert {
    condition     = !aws_db_instance.primary[0].deletion_protection && aws_db_instance.primary[0].skip_final_snapshot
    error_message = "The destroyer's first apply takes the protection off."
  }
}
