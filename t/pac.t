# PACs that Samba does not issue, in tickets made with the service's own key: of foreign domains,
# with resource groups, for deny only; and those that are cut, wrong, stripped or another's.
# Who cannot prove a group is in none, and excluded from where "not" asks.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA 'sha1_base64';
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Ports;
use NegTest::Pac qw(logon_info upn_dns_info mint);

plan skip_all => 'what a PAC says does not depend on the MPM' if mpm() eq 'prefork';

my $DENY   = NegTest::Pac::DENY_ONLY;
my $DOMAIN = 'S-1-5-21-1-2-3';
my $EDITORS = 1200;

# Its PAC is read where it is wanted: the virtual host has no AuthNegotiateGroup of its own.
my $bare   = NegTest::Ports::free_port();
my $server = server(conf => <<"CONF")->start;
LimitRequestFieldSize 262144
Listen 127.0.0.1:$bare
<AuthzProviderAlias pac-group by-hidden $DOMAIN-$EDITORS>
</AuthzProviderAlias>
ScriptAliasMatch "^/[a-z]" "\@stage\@/cgi-bin/env.pl"
LogLevel auth_negotiate:info
<AuthzProviderAlias pac-group by-alias Editors>
</AuthzProviderAlias>
<LocationMatch "^/[a-z]">
    AuthType Negotiate
    AuthName "pac"
    AuthNegotiateKeytab "\@keytab\@"
    AuthNegotiateGroup Editors $DOMAIN-$EDITORS
    AuthNegotiateSession On
</LocationMatch>
<Location "/any">
    Require valid-user
</Location>
<Location "/editors">
    Require pac-group Editors
</Location>
<Location "/two">
    Require pac-group S-1-5-21-9-9-9-9 editors
</Location>
<Location "/not-editors">
    <RequireAll>
        Require valid-user
        Require not pac-group Editors
    </RequireAll>
</Location>
<Location "/none-of">
    <RequireAll>
        Require valid-user
        <RequireNone>
            Require pac-group Editors
        </RequireNone>
    </RequireAll>
</Location>
<Location "/not-alias">
    <RequireAll>
        Require valid-user
        Require not by-alias
    </RequireAll>
</Location>
<Location "/alias">
    Require by-alias
</Location>
<Location "/editors-or-bob">
    Require pac-group Editors
    Require user bob\@EXAMPLE.TEST
</Location>
<Location "/admins">
    Require pac-group "Domain Admins"
</Location>
<Location "/not-admins">
    <RequireAll>
        Require valid-user
        Require not pac-group "domain admins"
    </RequireAll>
</Location>
<Location "/any/off">
    AuthNegotiateGroup off
</Location>
<Location "/any/off/others">
    AuthNegotiateGroup Others $DOMAIN-1201
</Location>
<Location "/any/renamed">
    AuthNegotiateGroup Editors $DOMAIN-1201
</Location>
<Location "/fresh">
    Require pac-group "Fresh Public Key Identity"
</Location>
<Location "/not-fresh">
    <RequireAll>
        Require valid-user
        Require not pac-group "Fresh Public Key Identity"
    </RequireAll>
</Location>
<Location "/fresh-by-sid">
    Require pac-group S-1-18-3
</Location>
<Location "/authenticated">
    Require pac-group "Authenticated Users"
</Location>
<Location "/account">
    AuthNegotiateUser account
    Require valid-user
</Location>
<Location "/accounts">
    AuthNegotiateUser account EXAMPLE.TEST OTHER.TEST
    Require valid-user
</Location>
<Location "/upn">
    AuthNegotiateUser upn
    Require valid-user
</Location>
<Location "/upns">
    AuthNegotiateUser upn OTHER.TEST
    Require valid-user
</Location>
<LocationMatch "^/others">
    AuthType Basic
    AuthName "others"
    AuthBasicProvider file
    AuthUserFile "\@dir\@/passwords"
</LocationMatch>
<Location "/others/any">
    Require valid-user
</Location>
<Location "/others/editors">
    Require pac-group Editors
</Location>
<Location "/others/not-editors">
    <RequireAll>
        Require valid-user
        Require not pac-group Editors
    </RequireAll>
</Location>
<Location "/others/none-of">
    <RequireAll>
        Require valid-user
        <RequireNone>
            Require pac-group $DOMAIN-$EDITORS
        </RequireNone>
    </RequireAll>
</Location>
<VirtualHost 127.0.0.1:$bare>
    ServerName localhost:$bare
    ScriptAliasMatch "^/(?:Plain|Hidden|Not-hidden|Wants)" "\@stage\@/cgi-bin/env.pl"
    <LocationMatch "^/[A-Z]">
        AuthType Negotiate
        AuthName "bare"
        AuthNegotiateKeytab "\@keytab\@"
        AuthNegotiatePersist On
        Require valid-user
    </LocationMatch>
    <Location "/Wants">
        Require pac-group $DOMAIN-$EDITORS
    </Location>
    <Location "/Hidden">
        Require by-hidden
    </Location>
    <Location "/Not-hidden">
        <RequireAll>
            Require valid-user
            Require not by-hidden
        </RequireAll>
    </Location>
</VirtualHost>
CONF

# Of a module for passwords, who has no ticket.
open my $passwords, '>', $server->dir . '/passwords' or die $!;
print $passwords "carol:{SHA}" . sha1_base64('secret') . "=\n";
close $passwords;

# A ticket of alice's that has this PAC.
my $count = 0;

sub ticket {
    my (%opt) = @_;
    return mint(
        ccache  => 'FILE:' . stage_dir() . "/kdc/ccache/pac-$$-" . $count++,
        keytab  => keytab(),
        service => 'HTTP/localhost@EXAMPLE.TEST',
        client  => 'alice@EXAMPLE.TEST',
        %opt
    );
}

sub fetch {
    my ($path, $ccache, $at) = @_;
    my $gss = NegTest::Initiator->new(ccache => $ccache);
    return http(port => ($at || $server)->port)->get($path, Authorization => $gss->authorization);
}
sub get { my ($path, %opt) = @_; return fetch($path, ticket(%opt)) }
sub status { return get(@_)->status }
sub pac { return (1 => logon_info(@_)) }

# What each page answers to a ticket.
sub is_answered {
    my ($what, $pac, %want) = @_;
    my $ccache = ticket(@$pac);
    is_deeply { map { $_ => fetch("/$_", $ccache)->status } keys %want }, \%want, $what;
}

my %LETS_IN  = (any => 200, editors => 200, two => 200, 'not-editors' => 403, 'none-of' => 403, 'not-alias' => 403, alias => 200);
my %OUTSIDER = (any => 200, editors => 403, two => 403, 'not-editors' => 200, 'none-of' => 200, 'not-alias' => 200, alias => 403);
my %UNKNOWN  = (any => 200, map { $_ => 403 } qw(editors two not-editors none-of not-alias alias editors-or-bob admins not-admins authenticated account upn));

# --- groups that are not known -----------------------------------------------

my %good = pac(groups => [ 513, $EDITORS ]);
is_answered 'the PAC that is damaged below is good', [%good], %LETS_IN;

my $whole = $good{1};
my $sid_of_domain = index $whole, pack 'CC nN V*', 1, 4, 0, 5, 21;
my $groups        = index $whole, pack 'VVV', 2, 513, 7;
sub changed { my ($at, $bytes) = @_; my $copy = $whole; substr $copy, $at, length $bytes, $bytes; return (1 => $copy) }

my @unknown = (
    [ 'no PAC'                    => [],                                  qr/has no PAC/ ],
    [ 'a PAC without logon-info'  => [ 12 => upn_dns_info() ],            qr/PAC without groups/ ],
    [ 'a checksum of another key' => [ %good, sign => 'random' ],         qr/cannot be verified/ ],
    [ 'a damaged signature'       => [ %good, damage => -20 ],            qr/cannot be verified/ ],
    [ 'a damaged type of checksum' => [ %good, damage => -30 ],           qr/cannot be verified/ ],
    [ 'a damaged group'           => [ %good, damage => 300 ],            qr/cannot be verified/ ],
    [ 'a PAC twice'               => [ %good, copies => 2 ],              qr/cannot be verified.*several/ ],
    [ "another client's PAC"      => [ %good, 'pac-client' => 'bob@EXAMPLE.TEST' ], qr/cannot be verified.*another client/ ],
    [ 'an empty logon-info'       => [ 1 => '' ],                         qr/cannot be read|PAC without groups/ ],
    [ 'junk'                      => [ 1 => 'A' x 600 ],                  qr/cannot be read: .*version 1 of NDR/ ],
    [ 'big-endian NDR'            => [ changed(1, "\0") ],                qr/cannot be read: .*little-endian/ ],
    [ 'a null structure'          => [ changed(16, "\0" x 4) ],           qr/nothing in it/ ],
    [ '2^31 groups'               => [ changed(20 + 108, pack 'V', 1 << 31) ], qr/cannot be read/ ],
    [ '2^31 groups in both counts' => [ 1 => _twice() ],                  qr/cut off/ ],
    [ '2^32-1 extra SIDs'         => [ changed(20 + 196, pack 'V', 0xffffffff) ], qr/counts groups and has none/ ],
    [ 'a group more than there is' => [ changed(20 + 108, pack 'V', 3) ], qr/another count/ ],
    [ 'no domain'                 => [ changed(20 + 152, "\0" x 4) ],     qr/no domain/ ],
    [ 'a SID of revision 2'       => [ changed($sid_of_domain, "\2") ],   qr/revision/ ],
    [ 'a SID with 200 numbers'    => [ changed($sid_of_domain + 1, "\xc8") ], qr/more than fifteen/ ],
    [ 'an account name beyond the end' => [ changed(20 + 48, pack 'vv', 0xfffe, 0xfffe) ], qr/string/ ],
    [ 'half a character'          => [ changed(20 + 48, pack 'v', 9) ],   qr/odd length/ ],
    [ 'more behind the end'       => [ 1 => "$whole" . "\0" x 8 ],        qr/more than it announces/ ],
    [ 'no user'                   => [ pac(user => 0, groups => [$EDITORS]) ], qr/names no user/ ],
    [ 'extra SIDs without their flag' => [ pac(extra => ["$DOMAIN-$EDITORS"], flags => 0) ], qr/without the flag/ ],
    [ 'resource groups without a domain' => [ pac(resource => [$EDITORS]) ], qr/without the flag or the domain/ ],
    [ 'resource groups without their flag' => [ pac(resource => [$EDITORS], resource_domain => $DOMAIN, flags => 0) ], qr/without the flag or the domain/ ],
    [ 'two SIDs of the user'      => [ %good, 12 => upn_dns_info(flags => 2, account => 'alice', sid => "$DOMAIN-500") ], qr/different SIDs/ ],
    [ 'a UPN beyond the end'      => [ %good, 12 => pack('vvvvV', 200, 12, 0, 0, 0) . "a\0" ], qr/cut off/ ],
    [ 'a UPN within its head'     => [ %good, 12 => pack('vvvvV', 4, 0, 0, 0, 0) . "a\0" ], qr/within its head/ ],
);

sub _twice {
    my $copy = $whole;
    substr $copy, 20 + 108, 4, pack 'V', 1 << 31;
    substr $copy, $groups,  4, pack 'V', 1 << 31;
    return $copy;
}

my %ESSENCE = map { $_ => $UNKNOWN{$_} } qw(any editors not-editors none-of);
for my $i (0 .. $#unknown) {
    my ($what, $pac, $why) = @{ $unknown[$i] };
    $server->log->mark;
    is_answered "$what: no groups are known", $pac, $i < 3 ? %UNKNOWN : %ESSENCE;
    like join("\n", $server->log->ours), $why, '... and the log says why';
}

# Cut at many places. The unit tests cut at every one.
is_deeply [ grep { status('/not-editors', 1 => substr $whole, 0, $_ * 97) != 403 } 1 .. length($whole) / 97 ], [],
  'a PAC that is cut anywhere is not known';

is status('/editors-or-bob', client => 'bob@EXAMPLE.TEST'), 200, 'who has no PAC may come in by another rule';
is get('/any')->env->{NEGOTIATE_GROUPS}, undef, 'NEGOTIATE_GROUPS is not set without a PAC';
is get('/any')->env->{NEGOTIATE_SID},    undef, '... nor NEGOTIATE_SID';
{
    my $r = get('/not-editors');
    is $r->env->{NEGOTIATE_ERROR}, undef, 'a refusal is no page';
    is scalar($r->challenges), 0, '... and asks for nothing' if !$r->token;
}

{
    my $alias = 'HTTP/alias.example.test@EXAMPLE.TEST';
    my $gss   = NegTest::Initiator->new(ccache => ticket(%good, outer => $alias), target => $alias);
    is http(port => $server->port)->get('/editors', Authorization => $gss->authorization)->status, 200,
      'the key that opens a ticket need not be of the name that is on it';
}

# --- a krb5 that calls every checksum good -------------------------------------

SKIP: {
    skip 'build/t/preload.so is not built: make check-httpd does', 17 if !-e $ENV{NEG_FAULTS};
    my $conf = <<"CONF";
ScriptAliasMatch "^/[a-z]" "\@stage\@/cgi-bin/env.pl"
LogLevel auth_negotiate:info
<LocationMatch "^/[a-z]">
    AuthType Negotiate
    AuthName "pac"
    AuthNegotiateKeytab "\@keytab\@"
    AuthNegotiateGroup Editors $DOMAIN-$EDITORS
    Require valid-user
</LocationMatch>
<Location "/editors">
    Require pac-group Editors
</Location>
<Location "/not-editors">
    <RequireAll>
        Require valid-user
        Require not pac-group Editors
    </RequireAll>
</Location>
<Location "/account">
    AuthNegotiateUser account
</Location>
<Location "/shown">
    AuthNegotiateAttribute TICKET_PAC URN:mspac:logon-info
</Location>
<Location "/not-attribute">
    <RequireAll>
        Require valid-user
        Require not name-attribute urn:mspac:12 other
    </RequireAll>
</Location>
CONF
    my $preload   = join ':', grep { $_ } $ENV{NEG_SANITIZE_PRELOAD}, $ENV{NEG_FAULTS};
    my %believes  = (LD_PRELOAD => $preload, NEG_BELIEVES_PACS => 1);
    my $believing = server(conf => $conf, env => \%believes)->start;
    my $at_start  = $believing->log->text;
    my $ask = sub { my ($ccache, @paths) = @_; return { map { $_ => fetch("/$_", $ccache, $believing)->status } @paths } };
    my %lets_in  = (any => 200, editors => 200, 'not-editors' => 403, account => 200, shown => 200, 'not-attribute' => 200);
    my %lets_out = (any => 200, map { $_ => 403 } qw(editors not-editors account shown not-attribute));
    is_deeply $ask->(ticket(%good), keys %lets_in), \%lets_in, 'a krb5 that calls every checksum good: a good PAC';
    for my $case (
        [ 'a checksum of another key' => sign     => 'random' ],
        [ 'a damaged signature'       => damage   => -20 ],
        [ 'a damaged group'           => damage   => 300 ],
    ) {
        my ($what, @damage) = @$case;
        my $ccache = ticket(%good, @damage);
        $believing->log->mark;
        is_deeply $ask->($ccache, keys %lets_out), \%lets_out, "$what: this module does not believe it";
        like join("\n", $believing->log->ours), qr/groups of alice\@EXAMPLE\.TEST are not known.*cannot be verified: its checksum does not fit.*install a newer one/,
          '... and the log says why';
        is fetch('/any', $ccache, $believing)->env->{$_}, undef, "... $_ is not set" for qw(NEGOTIATE_GROUPS NEGOTIATE_SID);
    }
    my $said = qr/MIT krb5: this version takes a PAC for good whose checksum is wrong\. This module checks.*Install krb5 1\.22\.3/;
    like $at_start, $said, '... the start has said what to install';
    my $says = sub { server(conf => "Listen 127.0.0.1:$bare\n<Location \"/x\">\nAuthNegotiateKeytab \@keytab\@\n$_[0]\n</Location>\n", env => \%believes)->check->{output} };
    like $says->("AuthNegotiateAttribute X URN:MSPAC:client-info"), $said, '... as httpd -t does, where an attribute of the PAC is wanted';
    unlike $says->('AuthNegotiateAttribute X auth-indicators'), qr/MIT krb5/, '... and not where nothing is';
    is_deeply [ $believing->log->crashes ], [], 'nobody died of it';
    $believing->stop;
}

# --- users of other modules ----------------------------------------------------

{
    my $ask = sub { http(port => $server->port)->get("/others/$_[0]", Authorization => 'Basic ' . encode_base64('carol:secret', ''))->status };
    is $ask->('any'), 200, 'a user of AuthType Basic';
    $server->log->mark;
    is $ask->('editors'), 401, '... is in no group';
    is $ask->($_), 500, "... nor known not to be in one: $_" for qw(not-editors none-of);
    like join("\n", $server->log->ours), qr/carol was authenticated by another module, so that nothing tells the groups/,
      '... and the log says why';
}

# --- where groups stand ------------------------------------------------------

is_answered 'a group of the domain',      [ pac(groups => [$EDITORS]) ], %LETS_IN;
is_answered 'the primary group alone',    [ pac(groups => [], primary => $EDITORS) ], %LETS_IN;
is_answered 'an array of no groups',      [ pac(groups => [], empty_array => 1) ], %OUTSIDER;
is_answered 'an extra SID',               [ pac(extra => [ 'S-1-18-1', "$DOMAIN-$EDITORS" ]) ], %LETS_IN;
is_answered 'a resource group',           [ pac(resource_domain => $DOMAIN, resource => [$EDITORS]) ], %LETS_IN;
is_answered 'no such group',              [ pac(groups => [ 513, 1201 ]) ], %OUTSIDER;
is_answered 'the same RID of another domain', [ pac(domain => 'S-1-5-21-4-5-6', groups => [$EDITORS]) ], %OUTSIDER;
is_answered 'a SID that begins like it',  [ pac(extra => ["$DOMAIN-${EDITORS}0"]) ], %OUTSIDER;
is_answered 'a resource group of another domain', [ pac(resource_domain => 'S-1-5-21-4-5-6', resource => [$EDITORS]) ], %OUTSIDER;

# --- where the PAC is not asked for ------------------------------------------

{
    my $ccache = ticket(pac(groups => [$EDITORS]));
    my $http   = http(port => $bare);
    my $token  = sub { (Authorization => NegTest::Initiator->new(ccache => $ccache)->authorization) };
    my $r = $http->get('/Plain', $token->());
    is $r->status, 200, 'a page that wants nothing of the PAC';
    is $r->env->{NEGOTIATE_SID}, undef, '... is told nothing of it';
    is $http->get('/Plain')->status, 200, '... and the connection keeps the identity';
    is $http->get('/Wants')->status, 401, '... which is not enough where groups are asked for';
    is $http->get('/Wants', $token->())->status, 200, '... a new token is';
    is $http->get('/Wants')->status, 200, '... and then the connection';
    is http(port => $bare)->get('/Hidden', $token->())->status, 403, 'a rule in an alias lets nobody in';
    $server->log->mark;
    is http(port => $bare)->get('/Not-hidden', $token->())->status, 403, '... and excludes everybody';
    like join("\n", $server->log->ours), qr/was not asked for them.*AuthNegotiateGroup/, '... and the log says what to write';
}

# --- a session keeps what lets in, what keeps out, and that nothing is known -----
# (401: a newer ticket may have what is missing)

for my $case (
    [ 'a group',                [ pac(groups => [$EDITORS]) ],                editors => 200, 'not-editors' => 403 ],
    [ 'a group for deny only',  [ pac(groups => [ [ $EDITORS, $DENY ] ]) ],   editors => 401, 'not-editors' => 403 ],
    [ 'no such group',          [ pac() ],                                    editors => 401, 'not-editors' => 200 ],
    [ 'no PAC',                 [],                                           editors => 403, 'not-editors' => 403 ],
) {
    my ($what, $pac, %want) = @$case;
    my $gss = NegTest::Initiator->new(ccache => ticket(@$pac));
    my $r   = http(port => $server->port)->get('/any', Authorization => $gss->authorization);
    my ($cookie) = ($r->header('Set-Cookie') || '') =~ /^([^;]+)/;
    ok $cookie, "$what: a session";
    is_deeply { map { $_ => http(port => $server->port)->get("/$_", Cookie => $cookie)->status } keys %want }, \%want,
      '... says the same as the ticket';
}

# --- attributes --------------------------------------------------------------

my %DENIES = (any => 200, editors => 403, two => 403, 'not-editors' => 403, 'none-of' => 403, 'not-alias' => 403, alias => 403);
is_answered 'a group for deny only: it lets nobody in, and keeps out', [ pac(groups => [ [ $EDITORS, $DENY ] ]) ], %DENIES;
is_answered '... though it says that it is enabled', [ pac(groups => [ [ $EDITORS, $DENY | 4 ] ]) ], %DENIES;
is_answered 'a group that is not enabled',        [ pac(groups => [ [ $EDITORS, 1 ] ]) ], %DENIES;
is_answered 'an extra SID for deny only',         [ pac(extra => [ [ "$DOMAIN-$EDITORS", $DENY ] ]) ], %DENIES;
is_answered 'a resource group for deny only',     [ pac(resource_domain => $DOMAIN, resource => [ [ $EDITORS, $DENY ] ]) ], %DENIES;
is_answered 'the primary group for deny only',    [ pac(primary => $EDITORS, groups => [ [ $EDITORS, $DENY ] ]) ], %DENIES;

# --- domains -----------------------------------------------------------------

my @admin = pac(groups => [512]);
is_answered 'an administrator of our domain', [@admin], admins => 200, 'not-admins' => 403;
is_answered 'an administrator of a foreign domain is none of ours, and is kept out as one',
  [ @admin, client => 'mallory@OTHER.TEST' ], admins => 403, 'not-admins' => 403;
is_answered "a foreign domain's RID 512 among the extra SIDs: a forest has one such group, in its root",
  [ pac(extra => ['S-1-5-21-4-5-6-512']) ], admins => 403, 'not-admins' => 403;
is_answered '... where it is for deny only', [ pac(extra => [ [ 'S-1-5-21-4-5-6-512', $DENY ] ]) ],
  admins => 403, 'not-admins' => 403;
is_answered '... and not what only looks like it', [ pac(extra => [qw(S-1-5-21-4-5-6-7-512 S-1-5-21-4-5-512 S-1-5-32-512)]) ],
  admins => 403, 'not-admins' => 200;
my @fresh = pac(extra => ['S-1-18-3']);
is_answered 'what our domain says of its user', [@fresh], fresh => 200, 'not-fresh' => 403, 'fresh-by-sid' => 200;
is_answered 'what another domain says of its user counts against him alone, where the name is written',
  [ @fresh, client => 'mallory@OTHER.TEST' ], fresh => 403, 'not-fresh' => 403, 'fresh-by-sid' => 200;
is_answered 'a guest is not authenticated', [ pac(guest => 1) ], authenticated => 403, any => 200;
is_answered 'a user is',                    [ pac() ],           authenticated => 200;
is get('/any', pac(user => 0, extra => [ 'S-1-5-21-4-5-6-1105', "$DOMAIN-$EDITORS" ]))->env->{NEGOTIATE_SID},
  'S-1-5-21-4-5-6-1105', 'the SID of a user who is of no domain here is the first extra one';

# --- NEGOTIATE_GROUPS --------------------------------------------------------

for my $case (
    [ '/any',            "$DOMAIN-513;Editors;$DOMAIN-1201;S-1-5-21-7-8-9-10;S-1-1-0;S-1-5-11", 'names, or SIDs' ],
    [ '/any/renamed',    "$DOMAIN-513;$DOMAIN-1200;Editors;S-1-5-21-7-8-9-10;S-1-1-0;S-1-5-11", 'a name that is another group here' ],
    [ '/any/off',        undef, 'off' ],
    [ '/any/off/others', "$DOMAIN-513;$DOMAIN-1200;Others;S-1-5-21-7-8-9-10;S-1-1-0;S-1-5-11", 'off, and a name of its own' ],
) {
    my ($path, $groups, $what) = @$case;
    my $env = get($path, pac(groups => [ 513, $EDITORS, 1201, [ 1202, $DENY ] ], extra => ['S-1-5-21-7-8-9-10']))->env;
    is $env->{NEGOTIATE_GROUPS}, $groups, "NEGOTIATE_GROUPS: $what";
    is $env->{NEGOTIATE_SID}, "$DOMAIN-1001", '... NEGOTIATE_SID';
}

# --- a thousand groups -------------------------------------------------------

my $kept = 0;
for my $case (
    [ 'a thousand groups',       groups => [ 513, $EDITORS, 3001 .. 3998 ] ],
    [ 'a thousand foreign SIDs', groups => [ 513, $EDITORS ], extra => [ map { "S-1-5-21-4294967295-4294967294-4294967293-$_" } 100_001 .. 100_998 ] ],
) {
    my ($what, @pac) = @$case;
    my $r = get('/editors', pac(@pac));
    is $r->status, 200, $what;
    is scalar(split /;/, $r->env->{NEGOTIATE_GROUPS}), 1002, '... the page is told all of them';
    my ($cookie) = ($r->header('Set-Cookie') || '') =~ /^([^;]+)/ or next;
    ok http(port => $server->port)->get('/editors', Cookie => $cookie)->env->{NEGOTIATE_GROUPS} eq
      $r->env->{NEGOTIATE_GROUPS}, '... and so is a session';
    $kept++;
}
is $kept, 1, 'a cookie keeps those of the own domain';

# --- names -------------------------------------------------------------------

sub user { return get(@_)->env->{REMOTE_USER} }
my @other = (client => 'alice@OTHER.TEST');
is user('/account', pac(account => 'Alice')), 'Alice', 'the account name, as the PAC has it';
is user('/account', pac(account => "J\x{f6}rg \x{1f600}")), "J\xc3\xb6rg \xf0\x9f\x98\x80", '... in UTF-8';
is user('/account', pac(), @other), 'alice@OTHER.TEST', 'an account of another realm has that behind it';
is user('/accounts', pac(), @other), 'alice', '... unless the realm is listed';
is status('/account', pac(account => $_)), 403, '... none that could be taken for another: ' . _shown($_)
  for 'alice@OTHER.TEST', 'a/b', 'a\\b', "alice\n", "alice\0", '', ' alice', \"\x00\xd8", \"a\0\x00\xdc";
my @upn = (pac(), 12 => upn_dns_info(upn => 'a.lice@ad.example.test'));
is user('/upn', @upn), 'a.lice@ad.example.test', 'the user principal name';
is status('/upn', @upn, @other), 403, '... of another realm is not believed';
is user('/upns', @upn, @other), 'a.lice@ad.example.test', '... unless the realm is listed';
is status('/upns', @upn), 403, '... alone';
is status('/upn', pac(), 12 => upn_dns_info(upn => $_)), 403, '... none that is none: ' . _shown($_)
  for 'alice', '@ad.example.test', 'alice@', 'a@b@c', "a\n\@b", '';
is status('/upn', pac()), 403, '... none without that buffer';
is user('/upn', pac(), 12 => upn_dns_info(flags => 2, account => 'alice', sid => "$DOMAIN-1001")),
  'alice@ad.example.test', '... with the account and its SID beside it';

sub _shown { my ($text) = @_; $text = $$text if ref $text; return $text =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger }

# --- at start ----------------------------------------------------------------

my $limit = "LimitRequestFieldSize 65536\n";
for my $case (
    [ 'a name that nobody has explained', 'Require pac-group Nobody',         qr/which group "Nobody" is: write its SID/ ],
    [ '... under not',                    "<RequireAll>\nRequire valid-user\nRequire not pac-group Nobody\n</RequireAll>", qr/which group "Nobody" is/ ],
    [ 'a wrong SID',                      'Require pac-group S-1-5-21-01',    qr/begins with a zero/ ],
    [ 'no group',                         'Require pac-group',                qr/one or more groups/ ],
    [ 'an expression',                    'Require pac-group %{HTTP_HOST}',   qr/cannot be an expression/ ],
    [ 'one name for two groups',          "AuthNegotiateGroup A S-1-5-21-1-2-3-4\nAuthNegotiateGroup a S-1-5-21-1-2-3-5", qr/already; one name is one group/ ],
) {
    my ($what, $text, $why) = @$case;
    my $r = server(conf => "$limit<Location /x>\n$text\n</Location>\n")->check;
    ok !$r->{ok}, "$what stops the start";
    like $r->{output}, $why, '... with a sentence';
}
{
    my $text = "AuthNegotiateGroup \"Domain Admins\" S-1-5-21-1-2-3-512\nAuthNegotiateGroup A S-1-5-21-1-2-3-4\n"
      . "<Location /x>\nAuthNegotiateGroup A S-1-5-21-1-2-3-5\nRequire pac-group A S-1-5-21-1-2-3-6\n</Location>\n";
    my $r = server(conf => $limit . $text)->check;
    ok $r->{ok}, 'names of the server, and another group for one of them in a section' or diag $r->{output};
    unlike $r->{output}, qr/LimitRequestFieldSize/, '... nothing to say of the header size';
    like server(conf => $text)->check->{output}, qr/LimitRequestFieldSize is 8190, .*write LimitRequestFieldSize 65536/,
      'a header size that is too small is told, with the figure';
}

is_deeply [ $server->log->crashes ], [], 'nobody died';

done_testing;
