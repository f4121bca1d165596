# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation site, for Sphinx. It is built without any network."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

# What modules refer to in Ansible's own documentation, whose inventory is not at hand.
ELSEWHERE = [
    "action_plugins std:label -1 plugins/action.html#action-plugins Action plugins",
    "ansible_configuration_settings std:label -1 reference_appendices/config.html#ansible-configuration-settings Settings",
    "common_return_values std:label -1 reference_appendices/common_return_values.html#common-return-values Return Values",
    "ANSIBLE_VAULT_ENCRYPT_IDENTITY std:envvar 1 reference_appendices/config.html#envvar-$ -",
]
HEAD = [
    "# Sphinx inventory version 2",
    "# Project: Ansible",
    "# Version: latest",
    "# The remainder of this file is compressed using zlib.",
]
inventory = Path(os.environ["CACHE"]) / "site-ansible.inv"
inventory.write_bytes("\n".join([*HEAD, ""]).encode() + zlib.compress("\n".join([*ELSEWHERE, ""]).encode()))

project = "homelab.identity_broker"
project_copyright = "homelab.identity_broker maintainers"
html_title = html_short_title = "homelab.identity_broker"

extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/projects/ansible/latest/", str(inventory))}
root_doc = "index"
default_role = "any"
highlight_language = "yaml+jinja"
pygments_style = "ansible"

html_theme = "sphinx_ansible_theme"
# Neither what others count visits with, nor addresses outside of this site.
html_theme_options = {
    "display_version": False,
    "documentation_home_url": "index.html",
    "show_extranav": False,
    "hubspot_id": "",
    "satellite_tracking": False,
    "swift_id": "",
    "topbar_links": {},
}
html_show_sphinx = False
html_use_index = False
html_copy_source = False
html_show_sourcelink = False

nitpicky = True
nitpick_ignore_regex = [("ref|std:ref|any", r"ansible_collections\.ansible\..*")]
suppress_warnings = ["config.cache"]
if "GUIDES_ONLY" in os.environ:
    ours = r"ansible_collections\.homelab\.identity_broker\.\w+_(module|role|lookup|filter)"
    nitpick_ignore_regex.append(("ref|std:ref|any", ours))
