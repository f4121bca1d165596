#!/usr/bin/python
# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: scim_users
short_description: Keep many users of vCenter's Identity Broker right, in one task
version_added: 0.1.0
description:
  - Creates, updates, renames or deletes any number of users of vCenter's Identity Broker over SCIM, with one log-in, one list
    of what is, one plan and one diff.
  - Mistakes between users, such as one ExternalId for two people, are found before anything is sent.
  - A problem of one user does not stop the others, see O(on_error).
  - The ExternalId of one person may be taken from a login that the broker refused, see O(login_attempts).
  - Each update is made from a read of that user just before it. What the task does not name is kept, also if another program
    has just changed it. If a named attribute has neither the earlier nor the wanted value, that user fails.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
extends_documentation_fragment:
  - homelab.identity_broker.attributes
  - homelab.identity_broker.vcenter
  - homelab.identity_broker.scim_info
  - homelab.identity_broker.scim
  - homelab.identity_broker.workspace_one
  - homelab.identity_broker.user
  - homelab.identity_broker.journal
  - homelab.identity_broker.user_permissions
attributes:
  action_group:
    description:
      - Use C(group/homelab.identity_broker.vcenter), C(group/homelab.identity_broker.scim)
        or C(group/homelab.identity_broker.workspace_one) in C(module_defaults).
    support: full
    membership:
      - homelab.identity_broker.vcenter
      - homelab.identity_broker.scim
      - homelab.identity_broker.workspace_one
options:
  users:
    description:
      - The users. What an item does not say, the module's own options of the same name say.
      - Needed, unless O(provider_users) or O(restore_file) is given.
    type: list
    elements: dict
    suboptions:
      username:
        description:
          - The user's name, bare or as C(name@domain). A string; quote a name that is a number.
          - Required, except for an item with O(users[].problem).
        type: raw
      from_provider:
        description:
          - Whether the item was read from an identity provider, where people may edit their own user names. The items of
            M(homelab.identity_broker.pocket_id_user_info) say so.
          - Such a user name is never split at C(@). If it ends in C(@) and a domain of the broker, the user fails; if it contains
            another C(@), the user fails unless O(split_usernames=false). The message says how to go on.
          - Two people of a provider who would become one user of the broker fail, and so do people who share an e-mail address.
          - An attribute without a value is cleared, unless no item that was read from a provider has it. A display name without a
            value becomes the given name.
        type: bool
        default: false
        version_added: 0.9.1
      found_by_name:
        description:
          - Whether the user was found at the identity provider only by a user name or e-mail address that people may edit there.
          - A new user of this kind is announced once in each run, as a lone candidate from the log is.
        type: bool
        default: false
        version_added: 0.9.1
      problem:
        description:
          - Why this user cannot be provisioned, as far as the source of the list knows. Plugins that read lists set it.
          - The user fails with this text, and the others continue, see O(on_error). An entry that has the user name or the
            ExternalId of the item is left alone.
        type: str
        version_added: 0.9.1
      external_id:
        description:
          - What the identity provider puts into the claim C(sub) for this person; the broker looks the person up by it. With
            Pocket ID it is the user's id, which an administrator reads in the address of the user's page.
          - A string, compared exactly; quote one that is a number.
          - Needed to create a user. A user who has one keeps it unless O(users[].recreate=true).
        type: raw
      given_name:
        description: The given name. An empty string clears it.
        type: str
      family_name:
        description: The family name. An empty string clears it.
        type: str
      display_name:
        description: The name that is shown. An empty string clears it.
        type: str
      email:
        description: The primary e-mail address. An empty string clears it; other addresses of the user stay.
        type: str
      active:
        description:
          - Whether the user may log in.
          - A user is created active unless this says otherwise; of a user who stands it is only changed when named.
        type: bool
      state:
        description: Whether the user is to be there. The default is V(present).
        type: str
        choices: [present, absent]
      domain:
        description:
          - The domain that was configured in vCenter's wizard. User name and domain together are the identity.
          - The default is O(domain), else the part of O(users[].username) behind the C(@), else the provider's only domain.
        type: str
      recreate:
        description:
          - Whether a user whose ExternalId is another is deleted and created anew with the one given.
          - The broker ignores a change of the ExternalId, so there is no other way.
          - The entry and its group memberships go to O(journal_path) before the deletion, and are restored after it.
          - If the broker shows neither the groups of its users nor all members of its groups, the user fails and is not recreated,
            since a membership could be lost.
        type: bool
      rename:
        description:
          - Whether an entry of the same domain that has the ExternalId under another user name is renamed.
          - Without it, that is an error which names both users.
          - User names may pass from one user to another if all of them have it. Two users who swap their names are renamed through
            a temporary name. An entry of the wanted name whose ExternalId is not in the list is deleted first, with O(purge). If a
            run ends in between, the next one with it completes the renames.
        type: bool
      move_from_domain:
        description:
          - A foreign domain, in which an older script made the entry of this user. It is set for one user, never for a whole
            list.
          - The entry is taken only if its user name, that domain and its ExternalId all match; O(users[].external_id) is
            required. It is recreated in the right domain, with its attributes and group memberships, which go to
            O(journal_path) first. With O(users[].state=absent), it is deleted.
        type: str
        version_added: 0.9.1
      username_format:
        description:
          - How a new user's name is sent. Entries that stand keep the form they have.
          - V(qualified) sends C(name@domain), V(bare) sends C(name).
          - The default is V(qualified).
        type: str
        choices: [qualified, bare]
      wire_form:
        description:
          - How the domain of a new user is sent. Existing entries are not affected.
          - V(ws1b) sends and declares the extension C(urn:ietf:params:scim:schemas:extension:ws1b:2.0:User), as in Broadcom's
            mapping for Entra ID. It was run on vCenter 8.0 U3.
          - V(mfa) sends the extension C(urn:scim:schemas:extension:workspace:mfa:1.0) without declaring it in C(schemas), as in the
            article "Integrating Pocket ID with vCenter Server". Strict SCIM servers refuse this form.
          - If the broker stores a new user in another domain than the one that was sent, try the other form.
          - The default is V(ws1b).
          - Before 0.9.1 the choices were V(both), V(seed) and V(ws1b).
        type: str
        choices: [ws1b, mfa]
      groups:
        description:
          - The groups of the broker that the user is to be a member of, by name, besides those of O(groups).
          - Memberships that are not named stay. A group that there is not is an error; M(homelab.identity_broker.scim_group)
            creates it, and removes members.
        type: list
        elements: str
        version_added: 0.9.0
      permissions:
        description:
          - The global permission of this user, in place of O(permissions). A user has at most one, so one item is enough.
        type: list
        elements: dict
        version_added: 0.9.0
        suboptions: &permission
          role:
            description: The role, by name or id, such as V(ReadOnly).
            type: raw
            required: true
          propagate:
            description: Whether it reaches what is below the root.
            type: bool
            default: true
          principal:
            description:
              - How vCenter spells the name, if otherwise than C(name) or C(DOMAIN\name); see
                M(homelab.identity_broker.global_permission).
            type: str
      login_from:
        description:
          - Addresses or networks from which this person's login must have come to be taken from O(login_attempts).
        type: list
        elements: str
  login_attempts:
    description:
      - The registered result of M(homelab.identity_broker.externalid_fact), as it is.
      - If exactly one of O(users) is not in the broker and has no C(external_id), and exactly one ExternalId that no user has was
        refused in the domain, that user gets it. In every other case nothing is bound, and the users who wait for an
        ExternalId fail with a list of all attempts, see O(missing_external_id).
      - Nothing is bound by an incomplete list, as where a login line cannot be read, a line of a login is missing, a look-up
        without a refusal is that of no user of the broker, or the time stamps do not show what is within the window. The error
        shows five of the lines that cannot be read.
      - An ExternalId that is the address of another user is not bound. A look-up by another attribute than the ExternalId never
        counts.
      - The log shows that somebody had this ExternalId, never who. Everybody who may sign in at the identity provider could have
        been it, so prefer to give C(external_id).
    type: dict
  login_attempts_of:
    description:
      - The names of those who were asked to log in. Only they are provisioned, and only they can fail. Nobody gets the names or
        ExternalIds of the other users, and those of them who lack an ExternalId still wait.
      - The default is everybody.
    type: list
    elements: str
  provider_users:
    description:
      - The registered result of M(homelab.identity_broker.pocket_id_user_info), as it is, or its C(handover).
      - Whoever is in one of the groups that it was asked for is provisioned, besides O(users). Somebody whom O(users) names gets
        the ExternalId, and what else O(users) does not say, from it. A user fails if O(users[].external_id) is another.
      - Together with O(login_attempts) or O(cross_check), it is compared with the ExternalIds that the broker saw. A difference is
        an error, and nothing is bound.
      - An item of O(users) with the C(external_id) of a person gives that person the user name of the item.
      - User names from it are handled as with O(users[].from_provider). An attribute that is empty there is cleared, unless nobody
        at the provider has it. An empty display name becomes the given name.
      - While a group has no members, O(purge) is refused.
    type: dict
    version_added: 0.9.0
  cross_check:
    description:
      - The registered result of M(homelab.identity_broker.externalid_fact), as it is, to compare with what O(provider_users) says
        of people who are to be created. Nothing is bound from it.
      - When the broker refused an ExternalId that nobody has, and never saw the one that the provider tells, that is an error
        before anything is written.
    type: dict
    version_added: 0.9.0
  incomplete_users:
    description:
      - What to do about somebody of whom O(provider_users) tells no e-mail address or no last name, and O(users) neither. V(error)
        fails this user, and the others continue.
    type: str
    default: error
    choices: [error, accept]
    version_added: 0.9.0
  coexist:
    description:
      - Whether to go on where Pocket ID itself pushes users to the same broker. It deletes there whomever it does not know.
      - Without it, that is an error before anything is minted or written.
    type: bool
    default: false
    version_added: 0.9.0
  missing_external_id:
    description:
      - What to do about a user who is not in the broker and whose ExternalId is unknown, also after O(login_attempts) was
        searched.
      - With V(error), this user fails, see O(on_error). With V(report), the user is only listed in RV(waiting).
    type: str
    default: error
    choices: [error, report]
  split_usernames:
    description:
      - Whether a user name in O(users) that contains C(@) is cut at its last C(@) into user name and domain.
      - It is cut only if the wanted domain follows, which is O(users[].domain), O(domain) or a domain of the provider. A name with
        another part behind the C(@) fails, and the message gives the spelling that works. A user name that is an address, such as
        C(ada@corp.example), is written C(ada@corp.example@lab.example.org).
      - With V(false), the whole text is the user name, in O(users[].domain), O(domain) or the provider's only domain. Use it
        where all user names are addresses.
    type: bool
    default: true
    version_added: 0.9.1
  on_error:
    description:
      - What to do about a problem that concerns one user, such as an ExternalId that belongs to another user name.
      - With V(continue), this user fails and the others are provisioned. The module fails at its end, and names each user
        that failed. Check mode does the same.
      - The entry of a failed user is left alone. It is not purged, and its group memberships and permissions stay. What needs
        its user name or its ExternalId fails, too. No ExternalId is taken from O(login_attempts) while the ExternalId of a failed
        user is unknown.
      - If no entry has the user name or the ExternalId of a failed user, nobody is purged and no member is removed from
        O(mirror_groups) in this run. RV(not_done) says so. A user who waits for an ExternalId does not have this effect.
      - With V(stop), nothing is changed if one user has a problem. A user that the broker refuses while the others are
        written does not stop them in either case.
      - User names and ExternalIds that O(users) has twice, an exceeded limit such as O(max_deletes), and problems with tokens
        stop the run before anything is changed in either case.
    type: str
    default: continue
    choices: [continue, stop]
    version_added: 0.9.1
  groups:
    description: The groups of the broker that everybody of O(users) is to be a member of, by name.
    type: list
    elements: str
    version_added: 0.9.0
  mirror_groups:
    description:
      - Groups of the broker, by name, which hold just those of O(users) and O(provider_users) who name them in C(groups). They are
        created where they are missing, and every other user leaves them.
      - A group that has groups or members whom the token does not show as members is an error, and nothing is changed.
      - So is a group of which the broker does not show who is in it, see
        O(homelab.identity_broker.scim_group#module:members_state).
    type: list
    elements: str
    default: []
    version_added: 0.9.0
  permissions:
    description:
      - The global permission of everybody of O(users) and O(provider_users) who is there in the end. Other permissions stay.
      - Where many are to have the same, give a group the permission with O(group_permissions), and make them members.
    type: list
    elements: dict
    version_added: 0.9.0
    suboptions: *permission
  group_permissions:
    description: The global permissions of groups of the broker.
    type: list
    elements: dict
    default: []
    version_added: 0.9.0
    suboptions:
      group:
        description: The group's name, in O(domain) or the provider's only domain.
        type: str
        required: true
      <<: *permission
  report_permissions:
    description: Whether to say in RV(summary) who can log in and has no permission.
    type: bool
    default: false
    version_added: 0.9.0
  create_and_update_only:
    description:
      - Whether an item of O(users) that is to be absent is left alone, and O(recreate), O(rename), C(groups) and permissions do not
        count. So nobody is removed, bound to another ExternalId, or given more than to log in.
    type: bool
    default: false
    version_added: 0.9.0
  purge:
    description:
      - Whether users of O(domain) whom O(users) does not name are removed. Users of other or unknown domains never are. An entry
        whose domain the broker does not show is one of O(domain) only if its user name ends in C(@) and that domain; a warning
        names the others.
      - Needs O(domain) and O(max_deletes). Refused before the first deletion if O(users) has no user to keep, if no user of the
        list would be in the broker afterwards, if the broker's list of users is inconsistent, or if it differs when it is read
        again.
      - An entry whose name differs by one character from the name of a user who waits for an ExternalId is not purged, since one
        of the two may be misspelt. A warning shows both names.
      - Nobody is purged by a task with O(login_attempts_of).
    type: bool
    default: false
    version_added: 0.9.0
  max_deletes:
    description:
      - How many users may be purged or deactivated at most, as a number such as V(5), or as a percentage of the domain's users
        such as V(10%). If there are more, nothing is changed at all.
      - There is no default, and O(purge) needs it. Users with O(users[].state=absent) do not count. Users with
        O(users[].active=false) count if the option is given; without it, they need no limit.
    type: str
    version_added: 0.9.0
  max_recreates:
    description:
      - How many users may be deleted and created again at most, by O(recreate) or O(users[].move_from_domain), as a number or as
        a percentage of the domain's users. If there are more, nothing is changed at all.
      - Without it, one is allowed. Recreations that an interrupted run left unfinished do not count.
    type: str
    version_added: 0.9.1
  max_removals:
    description:
      - How many members may be removed from all O(mirror_groups) together, as a number or as a percentage of their members. If
        there are more, nothing is changed at all.
      - Without it, no group loses its last member, and with O(provider_users) at most five members are removed in one run. Users
        who are deleted in the same run do not count.
    type: str
    version_added: 0.9.1
  restore_file:
    description:
      - A file on the host that runs the module, which an earlier run wrote to O(journal_path) before it deleted users, see
        RV(restore_file). Its users are wanted besides O(users), with the ExternalIds, attributes and groups that they had.
      - The file is refused if it was written for another host, and together with O(purge).
    type: path
    version_added: 0.9.1
  purge_action:
    description: Whether O(purge) deletes users, or deactivates them, which keeps their entries and locks them out.
    type: str
    default: delete
    choices: [delete, deactivate]
    version_added: 0.9.0
  concurrency:
    description: How many requests are under way at a time, from 1 to 64.
    type: int
    default: 8
    version_added: 0.9.0
seealso:
  - module: homelab.identity_broker.scim_user
  - module: homelab.identity_broker.externalid_fact
  - module: homelab.identity_broker.pocket_id_user_info
"""

EXAMPLES = r"""
- name: Let two people in, with the ExternalIds read in Pocket ID
  homelab.identity_broker.scim_users:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    users:
      - username: muffin
        external_id: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
        given_name: Muffin
        family_name: Muffinson
        email: muffin@example.org
      - username: crumpet
        external_id: 0b9b1bd6-6a2c-4f57-8cf1-0d6ee7d8a4b5
        given_name: Crumpet

- name: Read from Pocket ID who is in a group
  homelab.identity_broker.pocket_id_user_info:
    url: https://id.example.org
    api_key: "{{ vault_pocket_id_api_key }}"
    group: vcenter-admins
  register: people

- name: Have just these people in the broker, but never remove more than three at a time
  homelab.identity_broker.scim_users:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    provider_users: "{{ people }}"
    purge: true
    max_deletes: 3

- name: See who waits for an ExternalId, and provision the others
  homelab.identity_broker.scim_users:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    missing_external_id: report
    users:
      - { username: scone, given_name: Scone }
  register: provisioned

- name: Keep the whole domain as the file says, and remove who is no longer in it, but never more than three people
  homelab.identity_broker.scim_users:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    users: "{{ query('homelab.identity_broker.users_csv', 'people.csv') }}"
    purge: true
    max_deletes: 3
"""

RETURN = r"""
users:
  description: One item for each of O(users), in their order; then one for each who was purged.
  returned: success, or failure after writing
  type: list
  elements: dict
  contains:
    username:
      description: The name as the task spelt it.
      type: str
      sample: muffin
    user:
      description: The user as the broker has it; null where there is none.
      type: dict
      contains:
        id:
          description: The broker's id; null in check mode for a user to be created.
          type: str
          sample: ed8ad55f-cad4-4a5f-8cde-2d2e5676fe4e
        username:
          description: The user name as the broker spells it.
          type: str
          sample: muffin@lab.example.org
        domain:
          description: The user's domain; null where it cannot be told.
          type: str
          sample: lab.example.org
        external_id:
          description: What the broker looks the user up by.
          type: str
          sample: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
        given_name:
          description: The given name.
          type: str
          sample: Muffin
        family_name:
          description: The family name.
          type: str
          sample: Muffinson
        display_name:
          description: The name that is shown.
          type: str
          sample: Muffin
        email:
          description: The primary e-mail address.
          type: str
          sample: muffin@example.org
        active:
          description: Whether the user may log in.
          type: bool
          sample: true
        groups:
          description: The names of the user's groups in the broker.
          type: list
          elements: str
          sample: [ALL_USERS]
    operation:
      description: What was done, or would be in check mode; V(wait) for who lacks an ExternalId.
      type: str
      sample: create
    purged:
      description: Whether the user was not named, and went by O(purge).
      type: bool
      sample: false
    unverified:
      description:
        - The attributes that the broker does not return.
        - V(etag) if the broker refused the version that it shows, so that the update was sent without it.
      type: list
      elements: str
      sample: []
    error:
      description: What went wrong with this user, else null.
      type: str
problems:
  description:
    - What failed, in one text for each user, group and permission. Also returned where the whole run was refused before
      anything was changed.
  returned: success, or failure
  type: list
  elements: str
  sample: []
not_done:
  description: What was not done because the list is incomplete, see O(on_error); null if everything was done.
  returned: success, or failure after reading the broker
  type: str
  sample: null
waiting:
  description: The names, as the task spelt them, of those who have no entry and whose ExternalId is not given.
  returned: success, or failure after writing
  type: list
  elements: str
  sample: [scone]
left_alone:
  description:
    - How many entries were left alone because the broker does not show their domain, and user name and ExternalId do not both
      match a user of the task.
  returned: success, or failure after writing
  type: int
  sample: 0
  version_added: 0.9.1
groups:
  description: One item for each of O(mirror_groups).
  returned: success, or failure after writing
  type: list
  elements: dict
  contains:
    display_name:
      description: The name as the task spelt it.
      type: str
      sample: vcenter-admins
    operation:
      description: What was done, or would be in check mode; V(create), V(update) or V(none).
      type: str
      sample: update
    unverified:
      description: Holds V(members) if the broker shows neither the members of the group nor the groups of its users.
      type: list
      elements: str
      sample: []
    error:
      description: What went wrong with this group, else null.
      type: str
permissions:
  description: The global permissions that were wanted or removed, and those that stay behind.
  returned: success, or failure after writing
  type: list
  elements: dict
  contains:
    principal:
      description: Whose it is, as vCenter spells it.
      type: str
      sample: lab.example.org\muffin
    permission:
      description: The permission as M(homelab.identity_broker.global_permission) returns it; null where there is none.
      type: dict
      sample: null
    operation:
      description: What was done, or would be in check mode; V(left) for one that stays behind.
      type: str
      sample: create
    error:
      description: What went wrong with this permission, else null.
      type: str
binding:
  description: The ExternalId that was taken from a login attempt, or would be in check mode; null where none was.
  returned: success, or failure after writing
  type: dict
  contains:
    username:
      description: Who got it.
      type: str
      sample: muffin
    external_id:
      description: The ExternalId.
      type: str
      sample: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
    timestamp:
      description: When the login was refused (ISO 8601, UTC).
      type: str
      sample: "2026-02-04T15:05:23.412Z"
    source_ip:
      description: From which address it came, as far as the log tells.
      type: str
      sample: 192.0.2.10
    announcement:
      description: What that means, in a sentence.
      type: str
counts:
  description: How many users each operation concerned, and how many failed.
  returned: success, or failure after writing
  type: dict
  sample: {create: 1, update: 0, rename: 0, recreate: 0, delete: 0, none: 4, wait: 0, error: 0}
requests:
  description: How many requests of each kind were sent, logging in and out included.
  returned: success, or failure after writing
  type: dict
  sample: {get: 4, post: 3, put: 0, patch: 0, delete: 1}
summary:
  description: What was done, in lines for people.
  returned: success, or failure after writing
  type: list
  elements: str
  sample: ["created: muffin@lab.example.org, ExternalId d0e47cc3-ff12-45fd-b4ba-6a30628bd50e"]
restore_file:
  description:
    - The file to which the deleted users were written before the first deletion, with ExternalIds, attributes and groups; null
      if nobody was deleted.
  returned: success, or failure after writing
  type: str
  sample: /home/ansible/.local/state/homelab.identity_broker/vcsa.example.org/deleted-20260204T150523.412000Z.restore
  version_added: 0.9.1
restore_command:
  description:
    - The command that restores the users and their memberships from RV(restore_file); null if nobody was deleted.
    - It takes the connection from the variables of the role C(federated_users) in the inventory, or from C(VMWARE_*) in the
      environment. In a task of your own, use the option O(homelab.identity_broker.scim_users#module:restore_file).
  returned: success, or failure after writing
  type: str
  sample: ansible-playbook homelab.identity_broker.restore -e restore_file=/home/ansible/deleted.restore
  version_added: 0.9.1
minted:
  description: Whether a sync token was minted, by which the one before was revoked.
  returned: success, or failure after writing
  type: bool
  sample: false
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._apply import Work
from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_user_permissions import PermissionOptions
from ansible_collections.homelab.identity_broker.plugins.module_utils._broker_session import (
    BrokerSession,
    journal_spec,
    scim_spec,
    user_permissions_spec,
    user_spec,
    vcenter_spec,
    workspace_one_spec,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import Binding
from ansible_collections.homelab.identity_broker.plugins.module_utils._desired import (
    attempt_list,
    desired_users,
    harmless,
    in_domains,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._directory import CHANGING
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._guards import Guards, limit_option
from ansible_collections.homelab.identity_broker.plugins.module_utils._journal import read_deleted
from ansible_collections.homelab.identity_broker.plugins.module_utils._mirror import mirror_option
from ansible_collections.homelab.identity_broker.plugins.module_utils._module import make_module, run
from ansible_collections.homelab.identity_broker.plugins.module_utils._provider_merge import (
    Rules,
    combined,
    with_visible_attributes,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._provider_users import (
    ProviderUsers,
    provider_users,
    refuse_coexistence,
    refuse_purge,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._provision import (
    Domains,
    Provisioned,
    Wanted,
    provision,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._purge import (
    PURGE_ACTIONS,
    Purge,
    purge_option,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._user_permissions import (
    Grants,
    grant_list,
    group_grants,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser

DEFAULTS = ("domain", "username_format", "wire_form", "recreate", "rename")
"""The options of one user that the task may give for all."""


def main() -> None:
    item = user_spec()
    groups: dict[str, Any] = {"type": "list", "elements": "str"}
    permission: dict[str, Any] = {
        "role": {"type": "raw", "required": True},
        "propagate": {"type": "bool", "default": True},
        "principal": {"type": "str"},
    }
    permissions: dict[str, Any] = {"type": "list", "elements": "dict", "options": permission}
    of_group = {"group": {"type": "str", "required": True}, **permission}
    module = make_module(
        vcenter_spec(),
        scim_spec(),
        workspace_one_spec(),
        journal_spec(),
        user_permissions_spec(),
        {name: item[name] for name in DEFAULTS},
        {
            "users": {
                "type": "list",
                "elements": "dict",
                "options": {
                    **item,
                    "username": {"type": "raw"},
                    "problem": {"type": "str"},
                    "from_provider": {"type": "bool", "default": False},
                    "found_by_name": {"type": "bool", "default": False},
                    "login_from": {"type": "list", "elements": "str"},
                    "groups": groups,
                    "permissions": permissions,
                },
            },
            "groups": groups,
            "mirror_groups": {**groups, "default": []},
            "permissions": permissions,
            "group_permissions": {"type": "list", "elements": "dict", "default": [], "options": of_group},
            "report_permissions": {"type": "bool", "default": False},
            "create_and_update_only": {"type": "bool", "default": False},
            "login_attempts": {"type": "dict"},
            "login_attempts_of": {"type": "list", "elements": "str"},
            "provider_users": {"type": "dict"},
            "cross_check": {"type": "dict"},
            "incomplete_users": {"type": "str", "default": "error", "choices": ["error", "accept"]},
            "coexist": {"type": "bool", "default": False},
            "missing_external_id": {"type": "str", "default": "error", "choices": ["error", "report"]},
            "split_usernames": {"type": "bool", "default": True},
            "on_error": {"type": "str", "default": "continue", "choices": ["continue", "stop"]},
            "purge": {"type": "bool", "default": False},
            "max_deletes": {"type": "str"},
            "max_recreates": {"type": "str"},
            "max_removals": {"type": "str"},
            "restore_file": {"type": "path"},
            "purge_action": {"type": "str", "default": "delete", "choices": list(PURGE_ACTIONS)},
            "concurrency": {"type": "int", "default": 8},
        },
        required_one_of=[("users", "provider_users", "restore_file")],
    )
    options = module.params

    def purge(desired: Sequence[DesiredUser], domains: Domains) -> Purge | None:
        if not options["purge"]:
            return None
        if options["restore_file"]:
            raise InputError("purge", "is true, and restore_file is given", "Restore without purge.")
        return purge_option(options["domain"], options["max_deletes"], options["purge_action"], desired, domains)

    def ensure(session: BrokerSession) -> dict[str, Any]:
        provider = provider_users(options["provider_users"])
        items = options["users"] or []
        if provider:
            if not options["coexist"]:
                refuse_coexistence(provider, session.broker_hosts)
            if options["purge"]:
                refuse_purge(provider)
        items = with_visible_attributes(items)
        if options["create_and_update_only"]:
            items = harmless(items)
        guards = Guards(
            **{
                name: limit_option(f"max_{name}", options[f"max_{name}"])
                for name in ("deletes", "recreates", "removals")
            },
            from_provider=provider is not None,
        )
        restored = read_deleted(options["restore_file"], len(items)) if options["restore_file"] else None
        work = session.work()
        defaults = {name: options[name] for name in (*DEFAULTS, "groups", "split_usernames")}
        as_written = desired_users(items, defaults, None)
        as_written += restored.users if restored else ()
        wanted = Wanted(
            combination(options, as_written, defaults, provider),
            purge,
            login_attempts=attempt_list(options["login_attempts"]),
            login_attempts_of=options["login_attempts_of"],
            report_missing=options["missing_external_id"] == "report",
            all_or_nothing=options["on_error"] == "stop",
            owners=provider.names if provider else None,
            cross_check=attempt_list(options["cross_check"], "cross_check"),
            mirror=mirror_option(options["mirror_groups"]),
            permissions=PermissionOptions(
                Grants(
                    grant_list(options["permissions"], "permissions"),
                    {
                        number: grant_list(each["permissions"], f"users[{number}].permissions")
                        for number, each in enumerate(items)
                        if each.get("permissions")
                    },
                    group_grants(options["group_permissions"]),
                ),
                inherit=options["inherit_permissions"],
                remove=options["remove_permissions"],
                report=options["report_permissions"],
            ),
            domain=options["domain"],
            guards=guards,
            restored=restored,
            login=options["username"] or "",
        )
        return result(provision(work, wanted, check_mode=module.check_mode), session, work)

    def result(done: Provisioned, session: BrokerSession, work: Work) -> dict[str, Any]:
        counts = Counter("error" if outcome.error else outcome.operation.kind for outcome in done.outcomes)
        message = done.failure(minted=session.minted)
        return {
            "changed": done.changed,
            "failed": bool(message),
            **({"msg": message} if message else {}),
            "users": [
                {
                    "username": outcome.operation.wanted.asked_as,
                    "user": outcome.user.result() if outcome.user else None,
                    "operation": outcome.operation.kind,
                    "purged": outcome.operation.purged,
                    "unverified": list(outcome.unverified),
                    "error": outcome.error,
                }
                for outcome in done.outcomes
            ],
            "problems": done.problems,
            "not_done": done.not_done,
            "waiting": [wanted.asked_as for wanted in done.plan.waiting],
            "left_alone": len(done.plan.left_alone),
            "groups": [
                {
                    "display_name": outcome.plan.wanted.display_name,
                    "operation": outcome.plan.operation,
                    "unverified": list(outcome.unverified),
                    "error": outcome.error,
                }
                for outcome in done.groups
            ],
            "permissions": done.permissions.results(),
            "binding": shown(done.plan.binding),
            "counts": {kind: counts[kind] for kind in (*CHANGING, "none", "wait", "error")},
            "requests": session.requests(),
            "minted": session.minted,
            "diff": done.diff(),
            **session.told(done, work),
        }

    run(BrokerSession, module, ensure)


def combination(
    options: Mapping[str, Any],
    as_written: Sequence[DesiredUser],
    defaults: Mapping[str, Any],
    provider: ProviderUsers | None,
) -> Callable[[Domains], list[DesiredUser]]:
    """Return the function that combines the task's users with the provider's, given the domains of the broker."""

    def users(domains: Domains) -> list[DesiredUser]:
        def read(row: Mapping[str, Any]) -> DesiredUser:
            of_row = [{**row, "from_provider": True}]
            return desired_users(harmless(of_row) if options["create_and_update_only"] else of_row, defaults, domains)[
                0
            ]

        rules = Rules(
            tuple(each for each in (*(domains or ()), options["domain"]) if each),
            split_usernames=options["split_usernames"],
            incomplete_allowed=options["incomplete_users"] == "accept",
        )
        return combined(in_domains(as_written, domains, options["domain"]), provider, read, rules)

    return users


def shown(binding: Binding | None) -> dict[str, Any] | None:
    """A binding as the module returns it."""
    if binding is None:
        return None
    attempt = binding.attempt.result()
    return {
        "username": binding.wanted.asked_as,
        "announcement": binding.announcement,
        **{key: attempt[key] for key in ("external_id", "timestamp", "source_ip")},
    }


if __name__ == "__main__":
    main()
