# What the thresholds of alarms.tf are shares of, for each instance. Derived from its class and disk, never guessed.

locals {
  gib = 1073741824

  # `{DBInstanceClassMemory}` of RDS's parameter formulas is what the operating system and RDS's own processes leave.
  # This line meets AWS's published max_connections of db.serverless (189, 823, 1669, 3360 for 1, 4, 8, 16 ACUs) within
  # one in a hundred, and from below: an alarm at 90 % of too high a number would never ring.
  usable_gib = { for name, class in local.instance_classes : name => max(0.5, 0.938 * class.memory_gib - 0.2) }

  # LEAST({DBInstanceClassMemory/9531392}, 5000); Aurora caps what can scale down to half an ACU at 2000.
  default_connections = { for name, usable in local.usable_gib : name => min(
    floor(usable * local.gib / 9531392),
    name == "db.serverless" && try(var.serverless.min_acu < 1, false) ? 2000 : 5000,
  ) }

  # A class that nobody knows is refused by guards.tf; until then it must not break the expressions.
  class_of = { for identifier, instance in var.instances : identifier => lookup(local.instance_classes, instance.class, { vcpu = 1, memory_gib = 1 }) }

  # RDS grows a disk that has had less than a tenth free for five minutes, at most every six hours. Above that trigger an
  # alarm would ring at every growth; at half of it, growth did not come. Without autoscaling a tenth is the alarm.
  # Source: "Managing capacity automatically with Amazon RDS storage autoscaling".
  storage_share = { for identifier, instance in var.instances : identifier => coalesce(instance.max_gib, 0) > coalesce(instance.allocated_gib, 0) ? 0.05 : 0.10 }

  measures = { for identifier, instance in var.instances : identifier => {
    constant        = 1
    vcpu            = local.class_of[identifier].vcpu
    memory          = local.class_of[identifier].memory_gib * local.gib
    connections     = coalesce(instance.max_connections, lookup(local.default_connections, instance.class, 1))
    storage         = coalesce(instance.allocated_gib, 1) * local.gib
    storage_reserve = coalesce(instance.allocated_gib, 1) * local.gib * local.storage_share[identifier]
  } }
}
