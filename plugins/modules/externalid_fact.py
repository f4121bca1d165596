#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# This is the documentation of an action plugin; there is no code that runs on the host.

from __future__ import annotations

DOCUMENTATION = r"""
module: externalid_fact
short_description: Read the ExternalIds of refused logins from the appliance's log
version_added: 0.1.0
description:
  - Reads login attempts from the Identity Broker's log on the vCenter Server Appliance, over the task's own connection.
  - Nothing is needed there but a POSIX C(sh), C(grep), C(tail), C(head), C(zcat), C(date), C(wc) and C(ls); no Python. C(sleep) and
    C(awk) are used where they exist.
  - An attempt says that somebody had this ExternalId, never who.
  - The log may be as the appliance writes it, or forwarded. These forms are read, each for the whole line, a zone after the time
    stamp, the prefixes of RFC 3164, RFC 5424 and container runtimes, and ANSI colours. A login line in any other form makes the
    list incomplete, and an incomplete list is never used to bind an ExternalId. A login line contains C(Fetching user for jit login
    context), C(User fetching exception with nameId) or C(Failing login. contextUuid), and is written by C(AuthResponseUserResolver)
    or C(LoginEventServiceAspect), or does not have the shape of a log line.
  - A refused SSH login is not tried again, whatever C(ANSIBLE_SSH_RETRIES) says, since three failures lock root for 15 minutes.
  - Only reads, so check mode does the same; what O(open_ssh) does is told there.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes.info_module
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.facts
  - ansible.builtin.action_common_attributes.flow
attributes:
  action:
    support: full
  async:
    support: none
  become:
    support: full
  bypass_host_loop:
    support: none
  connection:
    support: full
  delegation:
    support: full
  facts:
    support: full
  platform:
    platforms: posix
options:
  log_path:
    description:
      - The log. Rotated ones are looked for beside it, under its name with anything before or behind C(.log).
    type: str
    default: /var/log/vmware/vc-ws1a-broker/federation-service.log
  domain:
    description: Only attempts that were looked up in this domain.
    type: str
  since:
    description:
      - Only attempts since then. A span such as V(30m), V(2h) or V(1d) before the appliance's own clock, or a time in ISO 8601,
        which is UTC unless it names a zone.
      - The log's time stamps normally name no zone. Their offset from UTC is the difference between the last readable line and the
        time when the file was last changed. It is certain if it is within two minutes of an offset that some time zone has, if no
        stamp steps back by more than two minutes from the first line inside the window to the end of the file, and if either all or
        none of these lines name a zone. If it is not certain, the list is incomplete.
      - An attempt whose stamp is more than two minutes ahead of the clock is left out.
      - The default is the whole current log.
    type: str
  outcome:
    description: Whether to list refused attempts only.
    type: str
    default: denied
    choices: [denied, any]
  limit:
    description: At most so many different ExternalIds; V(0) lists all within O(since).
    type: int
    default: 5
  include_rotated:
    description: Whether to read rotated logs, too, compressed or not.
    type: bool
    default: false
  wait:
    description:
      - Wait up to so many seconds for an attempt, and list only those made after the asking, by their position in the log.
        O(since) and O(include_rotated) do not count then.
    type: int
    default: 0
  settle:
    description: With O(wait), go on listening for so many seconds after the first attempt.
    type: int
    default: 10
  evidence:
    description:
      - Whether to return also which logins failed at the identity provider or on the way to it, before anybody was looked up, and
        the line that decided each attempt. M(homelab.identity_broker.login_diagnosis_info) needs both.
    type: bool
    default: false
    version_added: 0.9.0
  client_log_path:
    description: The vSphere Client's log, of which O(evidence) reads RV(spellings).
    type: str
    default: /var/log/vmware/vsphere-ui/logs/vsphere_client_virgo.log
    version_added: 0.9.0
  open_ssh:
    description:
      - Enables SSH through the appliance's API before the log is read, where it is disabled, and puts back what stood afterwards.
        Left out, nothing is enabled. Over a connection of type C(local) nothing is enabled either.
      - A process of its own on the control node does both, so what stood is put back also after an error, a lost connection, an
        interruption, and when Ansible itself is killed. Only what it has changed is put back. The login shell of root is never
        changed. If that process is killed as well, the next task with this option puts back what had been enabled, and says so.
      - Where putting back fails, the task fails, and its last line says what stands open and how to close it. If nobody is there
        any more to be told, the system's log has it, and the next task with this option, M(homelab.identity_broker.scim_user) or
        M(homelab.identity_broker.scim_users) that is no dry run says it once.
      - Check mode enables nothing. Where SSH is disabled it ends with an error that says so.
      - Tasks on one control node that share O(open_ssh.journal_path) may read at a time. The last of them puts back. A task on
        another machine finds SSH enabled, leaves it so, and ends with an error if it is disabled before it has read all.
    type: dict
    version_added: 0.9.0
    suboptions:
      hostname:
        description:
          - The appliance's fully qualified domain name.
          - If not set, the environment variable E(VMWARE_HOST) is used.
        type: str
      port:
        description:
          - The appliance's HTTPS port.
          - If not set, the environment variable E(VMWARE_PORT) is used.
        type: int
        default: 443
      username:
        description:
          - Who logs in to vCenter's API. Needs the right to the appliance's access settings, as the members of the group
            C(SystemConfiguration.Administrators) have it.
          - If not set, the environment variable E(VMWARE_USER) is used.
        type: str
      password:
        description:
          - The password. It is tried once.
          - If not set, the environment variable E(VMWARE_PASSWORD) is used.
        type: str
      validate_certs:
        description:
          - Whether to verify the appliance's certificate.
          - If not set, the environment variable E(VMWARE_VALIDATE_CERTS) is used.
        type: bool
        default: true
      ca_path:
        description:
          - A PEM file or a folder of hashed certificates of the certificate authorities to trust.
          - If not set, the environment variable E(VMWARE_CA_PATH) is used.
        type: path
      timeout:
        description: How long to wait for the connection, and for each answer, in seconds.
        type: float
        default: 30.0
      shell:
        description:
          - Whether to enable the appliance's shell as well, where it is disabled, for as long as the reading may take.
        type: bool
        default: false
      retries:
        description:
          - How often to try again to put back what stood, where the API does not answer. The pauses grow from one second to 15.
        type: int
        default: 10
      journal_path:
        description:
          - A folder on the control node for what must not get lost when a run is broken off. It is made when it is needed, for its
            owner only. Without it nothing is enabled.
        type: path
        default: ~/.local/state/homelab.identity_broker
requirements:
  - requests (on the control node, for the Python that runs Ansible; only with O(open_ssh))
seealso:
  - module: homelab.identity_broker.scim_users
  - module: homelab.identity_broker.login_diagnosis_info
"""

EXAMPLES = r"""
- name: Who was refused in the last half hour?
  homelab.identity_broker.externalid_fact:
    domain: lab.example.org
    since: 30m
  register: refused

- name: Show it
  ansible.builtin.debug:
    var: refused.attempts

- name: Read from an appliance on which SSH is disabled
  homelab.identity_broker.externalid_fact:
    domain: lab.example.org
    open_ssh:
      hostname: vcsa.example.org
      username: administrator@vsphere.local
      password: "{{ vault_vcenter_password }}"
  register: refused

- name: Wait up to five minutes for somebody to try
  homelab.identity_broker.externalid_fact:
    wait: 300
  register: refused
"""

RETURN = r"""
attempts:
  description: The login attempts, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    timestamp:
      description: When (ISO 8601, UTC).
      type: str
      sample: "2026-02-04T15:05:23.412Z"
    external_id:
      description: The ExternalId; escaped where it is malformed.
      type: str
      sample: d0e97cc3-ff12-42fd-b4ba-6a30626bd50e
    domains:
      description: The domains in which the broker looked.
      type: list
      elements: str
      sample: [lab.example.org]
    outcome:
      description:
        - V(allowed), V(denied), or V(unknown) where it is not settled yet.
      type: str
      sample: denied
    reason:
      description: The broker's reason for a refusal.
      type: str
      sample: USER_NOT_FOUND
    source_ip:
      description: From which address, as far as the log tells.
      type: str
      sample: 192.0.2.10
    context_id:
      description: The broker's id of this login.
      type: str
      sample: 898f3c9c-8385-4cd1-8e65-55469e40d480
    malformed:
      description:
        - Whether the attempt is no evidence of an ExternalId, because the lines of this login contradict each other, because they
          contain a value that no ExternalId can have, or because of another RV(attempts[].attribute).
      type: bool
      sample: false
    attribute:
      description:
        - The user attribute by which the broker looked for the value. Normally V(ExternalId), which some logs spell V(ExternalID).
      type: str
      version_added: 0.9.1
      sample: ExternalId
failures:
  description:
    - With O(evidence), the logins that failed before anybody was looked up, newest first. What they say is escaped; nobody's
      ExternalId is in it.
  returned: success
  type: list
  elements: dict
  contains:
    timestamp:
      description: When (ISO 8601, UTC).
      type: str
      sample: "2026-02-04T15:05:23.412Z"
    cause:
      description:
        - V(refused_at_provider), V(claim_missing), V(key_or_trust), V(client_secret), V(clock_skew), V(provider_error), or
          V(no_tokens) where the log does not say why.
      type: str
      sample: claim_missing
    context_id:
      description: The broker's id of this login, or null.
      type: str
      sample: 898f3c9c-8385-4cd1-8e65-55469e40d480
    source_ip:
      description: From which address, as far as the log tells.
      type: str
      sample: 192.0.2.10
    value:
      description: What the line says of it, such as the name of the claim.
      type: str
      sample: sub
    line:
      description: The line.
      type: str
      sample: 2026-02-04T15:05:23,412 WARN  vcsa:federation (...) ID Token did not return expected nameId claim sub
lines:
  description: With O(evidence), the line that decided each attempt, escaped, by its RV(attempts[].context_id).
  returned: success
  type: dict
  sample: {}
spellings:
  description:
    - With O(evidence), the names under which vCenter knows who was let in, newest first, as far as the vSphere Client's log
      tells. A permission has an effect only in this spelling.
  returned: success
  type: list
  elements: dict
  sample: [{name: muffin, domain: lab.example.org}]
complete:
  description: Whether these are all attempts that were asked for. An incomplete list is never used to bind an ExternalId.
  returned: success
  type: bool
  sample: true
gaps:
  description: Why the list is not complete.
  returned: success
  type: list
  elements: str
  sample: []
unread:
  description:
    - The login lines of O(domain) within O(since) that cannot be read. A line whose domain cannot be read counts for every domain.
      A line whose time stamp cannot be read counts as written between the readable lines around it.
  returned: success
  type: dict
  version_added: 0.9.1
  contains:
    count:
      description: How many there are.
      type: int
      sample: 0
    lines:
      description: The first five of them, escaped.
      type: list
      elements: str
      sample: []
unresolved:
  description:
    - The look-ups by ExternalId that no refusal follows, the newest one for each ExternalId, in the form of RV(attempts). Most of
      them are logins that were allowed. M(homelab.identity_broker.scim_users) binds nothing if one of these ExternalIds is that of
      no user of the broker.
  returned: success
  type: list
  elements: dict
  version_added: 0.9.1
  sample: []
offset:
  description: The offset of the log's time stamps from UTC, or null if it is not certain. Times are then taken for UTC.
  returned: success
  type: str
  version_added: 0.9.1
  sample: "+02:00"
summary:
  description: The attempts in lines for people.
  returned: success
  type: list
  elements: str
  sample: ["2026-02-04T15:05:23Z  d0e97cc3-ff12-42fd-b4ba-6a30626bd50e  [lab.example.org]  from 192.0.2.10 (USER_NOT_FOUND)"]
opened:
  description: With O(open_ssh), what was disabled, and was enabled for this reading; V(ssh), V(shell).
  returned: success
  type: list
  elements: str
  version_added: 0.9.0
  sample: []
position:
  description: Where the log ended when reading began.
  returned: success
  type: dict
  contains:
    inode:
      description: The file's inode.
      type: str
      sample: "131077"
    offset:
      description: Its size in bytes.
      type: int
      sample: 48213
ansible_facts:
  description: Facts, always set. Prefer the registered result, since fact caches keep yesterday's.
  returned: success
  type: dict
  contains:
    externalid:
      description: The newest ExternalId of an attempt that is not malformed, or null.
      type: str
      sample: d0e97cc3-ff12-42fd-b4ba-6a30626bd50e
    externalid_attempts:
      description: The same as RV(attempts).
      type: list
      elements: dict
"""
