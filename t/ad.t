# Tickets of a real Active Directory: who is in which group, and who is one person.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::AD;
use NegTest::Httpd 'mpm';

plan skip_all => 'what a ticket says does not depend on the MPM' if mpm() eq 'prefork';
my $missing = NegTest::AD->missing;
plan skip_all => $missing if $missing;

my $ad = NegTest::AD->start(dir => stage_dir() . '/ad');
$ad->give_keytab(keytab('ad'));
my %sid = map { $_ => $ad->sid($_) } qw(alice bob Staff Engineers Contractors);
my ($domain) = $sid{alice} =~ /^(S-1-5-21-\d+-\d+-\d+)-\d+$/;

my $server = server(env => { $ad->env }, conf => <<"CONF")->start;
LimitRequestFieldSize 65536
ScriptAliasMatch "^/(?!public)" "\@stage\@/cgi-bin/env.pl"
LogLevel auth_negotiate:debug
<LocationMatch "^/[a-z]">
    AuthType Negotiate
    AuthName "ad"
    AuthNegotiateKeytab "\@stage\@/keytab/ad.keytab"
    AuthNegotiateGroup Staff $sid{Staff}
    AuthNegotiateGroup Contractors $sid{Contractors}
</LocationMatch>
<Location "/plain">
    Require valid-user
</Location>
<Location "/staff">
    Require pac-group Staff
</Location>
<Location "/engineers">
    Require pac-group $sid{Engineers}
</Location>
<Location "/users-but-not-contractors">
    <RequireAll>
        Require pac-group "Domain Users"
        Require not pac-group contractors
    </RequireAll>
</Location>
<Location "/admins">
    Require pac-group "Domain Admins"
</Location>
<Location "/everyone">
    Require pac-group everyone
</Location>
<Location "/alice-by-sid">
    Require pac-group $sid{alice}
</Location>
<Location "/account">
    AuthNegotiateUser account
    Require user alice
</Location>
<Location "/not-alice">
    AuthNegotiateUser account
    <RequireAll>
        Require valid-user
        Require not user alice
    </RequireAll>
</Location>
<Location "/delegate">
    AuthNegotiateDelegate "FILE:\@stage\@/delegated"
    Require valid-user
</Location>
<Location "/upn">
    AuthNegotiateUser upn
    Require valid-user
</Location>
<Location "/password">
    AuthNegotiateBasicProvider kerberos
    AuthNegotiateRequireTLS Off
    AuthNegotiateUser account
    <RequireAll>
        Require pac-group Staff
        Require not pac-group Contractors
    </RequireAll>
</Location>
<Location "/kept">
    AuthNegotiatePersist On
    Require pac-group Staff
</Location>
CONF

sub http_of { return http(port => $server->port) }

sub get {
    my ($user, $path, %opt) = @_;
    my $gss = $ad->initiator($user, %opt);
    return http_of()->get($path, Authorization => $gss->authorization);
}
sub status { return get(@_)->status }

# --- groups ------------------------------------------------------------------

{
    my $r = get('alice', '/plain');
    is $r->env->{REMOTE_USER}, 'alice@AD.EXAMPLE.TEST', 'alice of the directory opens a page';
    is $r->env->{NEGOTIATE_SID}, $sid{alice}, '... NEGOTIATE_SID';
    my %in = map { $_ => 1 } split /;/, $r->env->{NEGOTIATE_GROUPS};
    ok $in{Staff} && $in{ $sid{Engineers} } && $in{"$domain-513"} && $in{'S-1-1-0'},
      '... NEGOTIATE_GROUPS has names where they are known, SIDs otherwise'
      or diag $r->env->{NEGOTIATE_GROUPS};
    ok !$in{ $sid{Staff} } && !$in{Contractors}, '... each group once, and no other';
}

is status('alice', '/staff'),     200, 'a nested group lets in';
is status('alice', '/engineers'), 200, 'a group by its SID';
is status('bob',   '/engineers'), 403, '... keeps out who is not in it';
is status('alice', '/users-but-not-contractors'), 200, 'Domain Users, but not contractors: an employee';
is status('bob',   '/users-but-not-contractors'), 403, '... a contractor';
is status('alice', '/admins'), 403, 'Domain Admins: alice is none';
is status('Administrator', '/admins', kinit => { password => 'Admin-Pass1' }), 200, '... who is one';
is status('alice', '/everyone'),     200, 'Everyone';
is status('alice', '/alice-by-sid'), 200, "a user's own SID";
is status('bob',   '/alice-by-sid'), 403, "... is no other user's";

# --- one person, one name ----------------------------------------------------

my @forms = (
    [ 'as it is',                           'alice' ],
    [ 'in upper case',                      'ALICE' ],
    [ 'in upper case, canonicalized',       'ALICE', canonicalize => 1 ],
    [ 'as an enterprise name',              'alice@ad.example.test', enterprise => 1 ],
    [ 'as an enterprise name in upper case', 'ALICE@AD.EXAMPLE.TEST', enterprise => 1 ],
    [ 'with the NetBIOS domain',            'alice@AD', enterprise => 1 ],
);
my %principals;
for my $form (@forms) {
    my ($how, $user, %kinit) = @$form;
    my $gss = eval { $ad->initiator($user, kinit => \%kinit) };
  SKIP: {
        skip "$how: no ticket: " . $@ =~ s/\s+/ /gr, 5 if !$gss;
        my $r = http_of()->get('/account', Authorization => $gss->authorization);
        is $r->status, 200, "alice, written $how";
        is $r->status == 200 && $r->env->{REMOTE_USER}, 'alice', '... is one account';
        $principals{ $r->env->{GSS_NAME} }++ if $r->status == 200;
        is status($user, '/not-alice', kinit => \%kinit), 403, '... and cannot dodge Require not user';
        is get($user, '/upn', kinit => \%kinit)->env->{REMOTE_USER}, 'alice@ad.example.test',
          '... has one user principal name';
        my $delegating = $ad->initiator($user, kinit => \%kinit, delegate => 1);
        like http_of()->get('/delegate', Authorization => $delegating->authorization)->env->{KRB5CCNAME}, qr/^FILE:/,
          '... and delegates a ticket of the same spelling';
    }
}
cmp_ok keys %principals, '>=', 3, 'these were several principals' or diag join ', ', keys %principals;
is get('bob', '/not-alice')->env->{REMOTE_USER}, 'bob', 'bob is bob';

# --- what keeps groups -------------------------------------------------------

{
    my $http = http_of();
    my $gss  = $ad->initiator('alice');
    is $http->get('/kept', Authorization => $gss->authorization)->status, 200, 'on a connection';
    my $r = $http->get('/kept');
    is $r->env->{NEGOTIATE_SOURCE}, 'connection', '... the identity is kept';
    like $r->env->{NEGOTIATE_GROUPS}, qr/(?:^|;)Staff(?:;|$)/, '... with its groups';
}

# --- passwords ---------------------------------------------------------------

for my $case ([ 'alice', 'alice', 200 ], [ 'ALICE', 'alice', 200 ], [ 'bob', 'bob', 403 ], [ 'alice', 'bob', 401 ]) {
    my ($user, $password, $status) = @$case;
    my $r = http_of()->get('/password', Authorization => 'Basic ' . encode_base64("$user:$password", ''));
    is $r->status, $status, "the password $password of $user, for a page for a group";
    is $r->env->{REMOTE_USER}, 'alice', '... is alice' if $status == 200;
}

# --- tickets without groups --------------------------------------------------

{
    my %opt = (target => 'HTTP@bare.ad.example.test');
    my $log = $server->log;
    $log->mark;
    is status('alice', '/plain', %opt), 200, 'a service without PAC lets users in';
    for my $path (qw(/staff /users-but-not-contractors /everyone)) {
        is status('alice', $path, %opt), 403, "... but to no page that asks for groups: $path";
    }
    like join("\n", $log->ours), qr/refused \(groups\): .*groups of alice\S+ are not known: .*no PAC/,
      '... and says why';
    is status('alice', '/account', %opt), 403, '... nor where the account name is wanted';
    is get('alice', '/plain', %opt)->env->{NEGOTIATE_GROUPS}, undef, '... NEGOTIATE_GROUPS is not set';
}

# --- names of all groups -----------------------------------------------------

SKIP: {
    skip 'ldapsearch with GSSAPI is not installed; run tools/deps ad', 4
      if !grep { -x "$_/ldapsearch" } split /:/, $ENV{PATH}
      or !glob '/usr/lib/*/sasl2/libgssapiv2.so /usr/lib*/sasl2/libgssapiv2.so';
    $ad->add_spn('DC1$', 'ldap/' . $ad->host);
    my $r = run([ source_dir() . '/tools/ad-groups', $ad->host ],
        env => { $ad->env, KRB5CCNAME => $ad->kinit('alice') }, timeout => 30);
    ok $r->{ok}, 'tools/ad-groups lists the groups of the directory' or diag $r->{output};
    like $r->{output}, qr/^AuthNegotiateGroup "Staff" \Q$sid{Staff}\E$/m, '... with their SIDs';
    unlike $r->{output}, qr/S-1-5-32-/, '... and none that is of one computer';
    my $check = server(conf => "LimitRequestFieldSize 65536\n$r->{output}<Location /x>\nRequire pac-group staff\n</Location>\n")->check;
    ok $check->{ok}, '... as lines for the configuration' or diag $check->{output};
}

# --- many groups (t/pac.t has a thousand) -------------------------------------

{
    $ad->add_user('carol');
    $ad->add_groups(map { +{ name => "Team $_", members => ['carol'] } } 1 .. 20);
    my $r = get('carol', '/everyone');
    is $r->status, 200, 'a user in twenty groups more';
    cmp_ok scalar(split /;/, $r->env->{NEGOTIATE_GROUPS}), '>=', 20, '... has them all';
}

is_deeply [ $server->log->crashes ], [], 'nobody died';

done_testing;
