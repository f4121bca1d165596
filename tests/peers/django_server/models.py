# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and groups of Django with the attributes that django-scim2 needs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django_scim.models import AbstractSCIMGroupMixin, AbstractSCIMUserMixin


class Group(AbstractSCIMGroupMixin):
    name = models.CharField(max_length=150, unique=True)

    class Meta:
        app_label = "django_server"


class User(AbstractSCIMUserMixin, AbstractBaseUser):
    USERNAME_FIELD = "username"

    username = models.CharField(max_length=150, unique=True)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    memberships = models.ManyToManyField(Group, related_name="user_set")

    class Meta:
        app_label = "django_server"

    @property
    def scim_groups(self) -> Any:
        return self.memberships
