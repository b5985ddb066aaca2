# Authorization by what the ticket says: Require krb5-realm, auth-indicator and name-attribute,
# AuthNegotiateAttribute. The KDC is a real one that marks how a person has proven itself: with a
# password alone (alice), by SPAKE (bob), with a certificate (dora).

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA 'sha1_base64';
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::TLS;

use constant ODD => 'two words; 100%';    # an indicator that is no single plain word

# --- the KDC and its people --------------------------------------------------

my $dir = stage_dir() . "/tickets-$$";
NegTest::Process::run_ok([ 'mkdir', '-p', "$dir/site" ]);
chmod 0755, $dir;

my $ca = NegTest::TLS->make_authority($dir);
my ($kdc_crt, $kdc_key)   = $ca->make_certificate('kdc', key => 'rsa');
my ($dora_crt, $dora_key) = $ca->make_certificate('dora', key => 'rsa');
my %anchors = (pkinit_anchors => 'FILE:' . $ca->ca_file);

my $kdc = NegTest::KDC->start(
    dir            => "$dir/kdc",
    realms         => [ 'EXAMPLE.TEST', 'OTHER.TEST' ],
    kdcdefaults    => { pkinit_identity => "FILE:$kdc_crt,$kdc_key", pkinit_eku_checking => 'none', %anchors },
    realm_settings => { pkinit_indicator => [ 'pkinit', ODD ], spake_preauth_indicator => 'spake' },
    libdefaults    => {
        pkinit_eku_checking  => 'none',
        pkinit_kdc_hostname  => 'localhost',
        spake_preauth_groups => 'edwards25519',
        %anchors,
    },
);
END { $kdc->stop if $kdc }
$kdc->add_principal($_, password => $_ =~ s/\@.*//r) for qw(alice carol@OTHER.TEST);
$kdc->add_principal($_, password => $_, attributes => { requires_preauth => 1 }) for qw(bob dora);
$kdc->kadmin(undef, 'set_string', 'dora', 'pkinit_cert_match', '<SUBJECT>CN=localhost$');
$kdc->add_principal('HTTP/localhost');
my $keytab = $kdc->add_to_keytab("$dir/http.keytab", 'HTTP/localhost');
NegTest::Process::run_ok([ 'chown', '--reference', keytab(), $keytab ]);

my %ccache = map { $_ => $kdc->kinit($_) } qw(alice bob carol@OTHER.TEST);
my $dora = eval { $kdc->kinit('dora', identity => "FILE:$dora_crt,$dora_key") };
my $no_pkinit = $dora ? '' : 'no PKINIT: the plugin (krb5-pkinit) is missing: ' . ($@ =~ s/\s+/ /gr);
$ccache{dora} = $dora if $dora;

# --- the server --------------------------------------------------------------

sub put {
    my ($file, $text, $mode) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out;
    chmod $mode || 0644, $file;
    return;
}
put("$dir/users", 'alice:{SHA}' . sha1_base64('alice') . "=\n");
# Parts that are SSI themselves would share the outer page's environment (mod_include).
put("$dir/site/outer.shtml", join("\n", map { qq{<$_ <!--#include virtual="/$_/env.pl" -->$_>} } qw(indicator open wide)), 0755);

# name => the rule
my %rule = (
    'realm'            => 'Require krb5-realm EXAMPLE.TEST',
    'realm-two'        => 'Require krb5-realm NOWHERE.TEST OTHER.TEST',
    'realm-almost'     => 'Require krb5-realm TEST EXAMPLE EXAMPLE.TES EXAMPLE.TEST.TEST XEXAMPLE.TEST example.test .',
    'realm-not'        => "<RequireAll>\nRequire valid-user\nRequire not krb5-realm OTHER.TEST\n</RequireAll>",
    'realm-expr'       => 'Require krb5-realm "%{HTTP:X-Want}"',
    'indicator'        => 'Require auth-indicator pkinit',
    'indicator-spake'  => 'Require auth-indicator spake',
    'indicator-two'    => 'Require auth-indicator other spake pkinit',
    'indicator-odd'    => 'Require auth-indicator "' . ODD . '"',
    'indicator-almost' => 'Require auth-indicator pkini pkinit2 PKINIT xpkinit "pkinit " two words; 100%',
    'indicator-expr'   => 'Require auth-indicator "%{HTTP:X-Want}"',
    'indicator-all'    => "<RequireAll>\nRequire auth-indicator pkinit\nRequire krb5-realm EXAMPLE.TEST\n</RequireAll>",
    'indicator-any'    => "<RequireAny>\nRequire auth-indicator pkinit\nRequire user alice\@EXAMPLE.TEST\n</RequireAny>",
    'indicator-not'    => "<RequireAll>\nRequire valid-user\nRequire not auth-indicator spake\n</RequireAll>",
    'indicator-none'   => "<RequireAll>\nRequire valid-user\n<RequireNone>\nRequire auth-indicator spake\nRequire krb5-realm OTHER.TEST\n</RequireNone>\n</RequireAll>",
    'indicator-limit'  => "<Limit GET>\nRequire auth-indicator pkinit\n</Limit>",
    'indicator-if'     => "Require valid-user\n<If \"true\">\nRequire auth-indicator pkinit\n</If>",
    'attribute'        => 'Require name-attribute auth-indicators pkinit',
    'attribute-64'     => 'Require name-attribute auth-indicators base64:' . encode_base64(ODD, ''),
    'attribute-almost' => 'Require name-attribute auth-indicator pkinit',
    'attribute-case'   => 'Require name-attribute AUTH-INDICATORS pkinit',
    'open'             => 'Require valid-user',
    'wide'             => "AuthNegotiateAttribute TICKET_INDICATORS auth-indicators\nRequire valid-user",
    'wide/more'        => "AuthNegotiateAttribute TICKET_MORE auth-indicators",
    'wide/other'       => "AuthNegotiateAttribute TICKET_INDICATORS urn:nobody:has-this",
    'wide/off'         => "AuthNegotiateAttribute off\nAuthNegotiateAttribute TICKET_LAST auth-indicators",
    'wide-missing'     => "AuthNegotiateAttribute TICKET_NONE urn:nobody:has-this\nRequire valid-user",
    'error-page'       => "AuthNegotiateAttribute TICKET_INDICATORS auth-indicators\nErrorDocument 403 /open/env.pl\nRequire auth-indicator none-has-this",
    'error-strong'     => "ErrorDocument 404 /indicator/env.pl\nRequire valid-user",
    'any-ip'           => "<RequireAny>\nRequire auth-indicator pkinit\nRequire ip 127.0.0.1\n</RequireAny>",
    'alias'            => 'Require hidden-indicator',
    'alias-not'        => "<RequireAll>\nRequire valid-user\nRequire not hidden-indicator\n</RequireAll>",
    'alias-told'       => "AuthNegotiateAttribute TICKET_INDICATORS auth-indicators\nRequire hidden-indicator",
    'bob-only'         => 'Require user bob@EXAMPLE.TEST',
    'forbid'           => "Require auth-indicator pkinit\nAuthzSendForbiddenOnFailure On",
);
my %keeps = map { ("keep-$_" => $rule{$_}) } qw(open indicator indicator-spake bob-only realm-two wide forbid);
my %all   = (%rule, %keeps);

my $server = server(env => { KRB5_CONFIG => $kdc->krb5_conf }, conf => <<"CONF"
    LogLevel auth_negotiate:trace1
    ScriptAliasMatch "^/[^/]+(?:/[^/]+)?/env\\.pl" "\@stage\@/cgi-bin/env.pl"
    AliasMatch "^/[a-z0-9-]+/outer\\.shtml" "$dir/site/outer.shtml"
    Alias "/htaccess" "$dir/htaccess"
    AuthNegotiateKeytab "$keytab"
    SetEnvIf X-No-Negotiate . no-negotiate
    <AuthzProviderAlias auth-indicator hidden-indicator pkinit>
    </AuthzProviderAlias>
    <Directory "$dir/site">
        Options +Includes
    </Directory>
    <Directory "$dir/htaccess">
        Options +Includes
        AllowOverride AuthConfig
    </Directory>
    <Location "/">
        AuthType Negotiate
        AuthName "one"
    </Location>
    <LocationMatch "^/keep-">
        AuthNegotiatePersist On
    </LocationMatch>
    <Location "/basic">
        AuthType Basic
        AuthBasicProvider file
        AuthUserFile "$dir/users"
        Require krb5-realm EXAMPLE.TEST
    </Location>
CONF
    . join '', map { "<Location \"/$_\">\n$all{$_}\n</Location>\n" } sort keys %all);

my %htaccess = (
    'wants'  => "Require auth-indicator pkinit\nAuthNegotiateAttribute FROM_TICKET auth-indicators",
    'spake'  => 'Require auth-indicator spake',
    'file'   => "Require auth-indicator \"%{file:$dir/users}\"",
    'wrong'  => 'Require auth-indicator',
    'taken'  => "Require valid-user\nAuthNegotiateAttribute REMOTE_USER auth-indicators",
);
for my $name (sort keys %htaccess) {
    NegTest::Process::run_ok([ 'mkdir', '-p', "$dir/htaccess/$name" ]);
    put("$dir/htaccess/$name/.htaccess", $htaccess{$name});
    put("$dir/htaccess/$name/page.shtml", '<!--#printenv -->', 0755);
}
$server->start;

my $log = $server->log;
sub connection { return http(port => $server->port, @_) }
sub gss { my ($who) = @_; return NegTest::Initiator->new(ccache => $ccache{$who}, krb5_conf => $kdc->krb5_conf) }
sub token { return (Authorization => gss(@_)->authorization) }

sub fetch {
    my ($path, $who, @headers) = @_;
    return connection()->get($path, @headers) if !defined $who;
    my $gss = gss($who);
    my $r   = connection()->get($path, Authorization => $gss->authorization, @headers);
    $r->{mutual} = $gss->finish($r) && $gss->mutual;
    return $r;
}
sub status { return fetch(@_)->status }
sub decoded { return map { s/%([0-9A-F]{2})/chr hex $1/ger } split /;/, $_[0] }

# --- the rules ---------------------------------------------------------------

#                        nobody alice bob  dora carol
my %matrix = (
    'realm'            => [ 401, 200, 200, 200, 403 ],
    'realm-two'        => [ 401, 403, 403, 403, 200 ],
    'realm-almost'     => [ 401, 403, 403, 403, 403 ],
    'realm-not'        => [ 401, 200, 200, 200, 403 ],
    'indicator'        => [ 401, 403, 403, 200, 403 ],
    'indicator-spake'  => [ 401, 403, 200, 403, 403 ],
    'indicator-two'    => [ 401, 403, 200, 200, 403 ],
    'indicator-odd'    => [ 401, 403, 403, 200, 403 ],
    'indicator-almost' => [ 401, 403, 403, 403, 403 ],
    'indicator-all'    => [ 401, 403, 403, 200, 403 ],
    'indicator-any'    => [ 401, 200, 403, 200, 403 ],
    'indicator-not'    => [ 401, 200, 403, 200, 200 ],
    'indicator-none'   => [ 401, 200, 403, 200, 403 ],
    'indicator-limit'  => [ 401, 403, 403, 200, 403 ],
    'indicator-if'     => [ 401, 403, 403, 200, 403 ],
    'attribute'        => [ 401, 403, 403, 200, 403 ],
    'attribute-64'     => [ 401, 403, 403, 200, 403 ],
    'attribute-almost' => [ 401, 403, 403, 403, 403 ],
    'attribute-case'   => [ 401, 403, 403, 403, 403 ],
    'any-ip'           => [ 200, 200, 200, 200, 200 ],
    'alias'            => [ 401, 500, 500, 500, 500 ],
    'alias-not'        => [ 401, 500, 500, 500, 500 ],
    'alias-told'       => [ 401, 403, 403, 200, 403 ],
);
my @people = (undef, qw(alice bob dora carol@OTHER.TEST));
for my $name (sort keys %matrix) {
    for my $i (0 .. $#people) {
        my $who = $people[$i];
        SKIP: {
            skip $no_pkinit, 2 if ($who || '') eq 'dora' && $no_pkinit;
            my $r = fetch("/$name/env.pl", $who);
            is $r->status, $matrix{$name}[$i], "/$name ($rule{$name}) for " . ($who || 'nobody') =~ s/\n/; /gr;
            is_deeply [ $r->challenges ], ['Negotiate'], '... a bare challenge' if $r->status == 401;
            ok $r->{mutual}, '... with the final token' if $r->status == 403;
        }
    }
}

$log->mark;
fetch('/indicator/env.pl', 'bob');
ok scalar $log->wait_for(qr/Require auth-indicator pkinit: the ticket of bob\@EXAMPLE\.TEST has only spake/), 'the log says what there is instead';
$log->mark;
fetch('/alias/env.pl', 'bob');
ok scalar $log->wait_for(qr/was not asked for "auth-indicators".*write AuthNegotiateAttribute/), 'a hidden rule: the log says what to write';

# What an expression comes to is one word, and an empty one is nobody's.
is status('/indicator-expr/env.pl', 'bob', 'X-Want' => $_->[0]), $_->[1], "an expression that comes to \"$_->[0]\": $_->[1]"
  for [ 'spake', 200 ], [ 'pkinit', 403 ], [ 'pkinit spake', 403 ], [ '', 403 ], [ 'base64:c3Bha2U=', 403 ];
is status('/indicator-expr/env.pl', 'bob'), 403, '... without the header: 403';
is status('/indicator-expr/env.pl', 'alice'), 403, '... for who has none: 403';
is status('/realm-expr/env.pl', 'alice', 'X-Want' => $_->[0]), $_->[1], "realm \"$_->[0]\": $_->[1]"
  for [ 'EXAMPLE.TEST', 200 ], [ 'OTHER.TEST', 403 ], [ '', 403 ], [ 'OTHER.TEST EXAMPLE.TEST', 403 ];

{
    $log->mark;
    my $r = connection()->get('/basic/env.pl', Authorization => 'Basic ' . encode_base64('alice:alice', ''));
    is $r->status, 401, 'a user whom another module authenticated has no realm';
    ok scalar $log->wait_for(qr/alice was authenticated by another module/), '... and the log says why';
}

# --- nothing where nothing is wanted -----------------------------------------

for (qw(open realm bob-only)) {
    $log->mark;
    fetch("/$_/env.pl", 'bob');
    fetch('/none-such', 'bob');
    is_deeply [ $log->lines(qr/was asked for \d+ attributes/) ], [], "/$_ asks no ticket for attributes";
}
$log->mark;
fetch('/indicator-two/env.pl', 'bob');
ok scalar $log->wait_for(qr/bob\@EXAMPLE\.TEST was asked for 1 attributes/), '/indicator-two does';

# --- who is turned away, and why -----------------------------------------------

# One line at info, once nothing else has let the client in.
sub turned_away {
    my ($path, $who) = @_;
    $log->mark;
    fetch("/$path/env.pl", $who);
    fetch('/none-such', 'bob'); # what is logged is there by now
    return grep { /auth_negotiate:info\].*may not enter/ } $log->lines(qr/may not enter/);
}
for (
    [ 'realm',            'carol@OTHER.TEST', qr/Require krb5-realm EXAMPLE\.TEST: carol\@OTHER\.TEST is of another realm/ ],
    [ 'indicator',        'bob',              qr/Require auth-indicator pkinit: the ticket of bob\@EXAMPLE\.TEST has only spake/ ],
    [ 'indicator-all',    'alice',            qr/Require auth-indicator pkinit: the ticket of alice\S+ has no such attribute/ ],
    [ 'bob-only',         'alice',            qr/no Require of this location is for it/ ],
    [ 'forbid',           'alice',            qr/.* has no such attribute/ ],
) {
    my ($path, $who, $why) = @$_;
    my @lines = turned_away($path, $who);
    is scalar @lines, 1, "/$path turns $who away: one line";
    my ($name) = $who =~ /^(\w+)/;
    like $lines[0] || '', qr/\b$name\@\S+ \(REMOTE_USER $name\@\S+\) is known and may not enter \(403\): $why\. Where it should/, '... with the reason';
}
is_deeply [ turned_away(@$_) ], [], "/$_->[0]: who is let in by another rule is not in the log"
  for [ 'indicator-any', 'alice' ], [ 'any-ip', 'alice' ], [ 'realm-two', 'carol@OTHER.TEST' ];

# --- connections -------------------------------------------------------------

sub entered { my ($path, $who) = @_; my $c = connection(); $c->get($path, token($who)); return $c }

{
    my $c = entered('/keep-open/env.pl', 'bob');
    is $c->get('/keep-open/env.pl')->status, 200, 'the connection knows bob';
    my $r = $c->get('/keep-indicator-spake/env.pl');
    is_deeply [ $r->status, $r->challenges ], [ 401, 'Negotiate' ], '... and his ticket was never asked: he is';
    is $c->get('/keep-indicator-spake/env.pl', token('bob'))->status, 200, '... his ticket has it';
    $r = $c->get('/keep-indicator-spake/env.pl');
    is_deeply [ $r->status, $r->env->{NEGOTIATE_SOURCE} ], [ 200, 'connection' ], '... from now on the connection knows';
    is $c->get('/keep-open/env.pl')->status, 200, '... also where nothing is wanted';
    $r = $c->get('/keep-wide/env.pl');
    is_deeply [ $r->status, $r->env->{TICKET_INDICATORS} ], [ 200, 'spake' ], '... and shows it';
}
{
    my $c = connection();
    my $r = $c->get('/keep-indicator/env.pl', token('alice'));
    is $r->status, 403, 'a fresh ticket without the indicator: 403';
    $r = $c->get('/keep-indicator/env.pl');
    is_deeply [ $r->status, $r->challenges ], [ 401, 'Negotiate' ], '... by the connection: a newer one could have it';
    is $c->get('/keep-indicator/env.pl', token('alice'))->status, 403, '... it has not: no circle';
    is $c->get('/keep-indicator/env.pl', 'X-No-Negotiate' => 1)->status, 403, '... nor a 401 without a challenge';
    for my $path (qw(keep-bob-only keep-realm-two keep-forbid)) {
        is $c->get("/keep-wide/env.pl", token('alice'))->status, 200, 'alice again';
        $r = $c->get("/$path/env.pl");
        is_deeply [ $r->status, $r->challenges ], [403], "/$path: no ticket of alice would help";
    }
    SKIP: {
        skip $no_pkinit, 1 if $no_pkinit;
        is $c->get('/keep-indicator/env.pl', token('dora'))->status, 200, '... who comes with a stronger one enters';
    }
}

# --- subrequests and redirects -----------------------------------------------

sub part { my ($r, $name) = @_; return $r->body =~ /<\Q$name\E (.*?)\Q$name\E>/s ? $1 : "no $name in: " . $r->body }

for my $who ('bob', $no_pkinit ? () : 'dora') {
    $log->mark;
    my $r = fetch('/open/outer.shtml', $who);
    is $r->status, 200, "a page for $who with a part that wants more";
    like part($r, 'indicator'), qr/error occurred/, '... which was not asked for: closed';
    ok scalar $log->wait_for(qr/\(policy\): the ticket of $who\@EXAMPLE\.TEST was used for \/open\/outer\.shtml, which does not want the attribute "auth-indicators"/),
      '... and the log says where to write it';
    like part($r, 'open'), qr/^GSS_NAME=$who\@/m, '... the next part is shown';
    unlike part($r, 'open'), qr/^TICKET_INDICATORS=/m, '... without what it does not want';
}
{
    my $r = fetch('/wide/outer.shtml', 'bob');
    like part($r, 'indicator'), qr/error occurred/, 'a page that wants the same: bob has it not';
    unlike part($r, 'open'), qr/^TICKET_INDICATORS=/m, "... the outer page's variable does not go inside";
    like part($r, 'wide'), qr/^TICKET_INDICATORS=spake$/m, '... but where it is wanted';
    SKIP: {
        skip $no_pkinit, 1 if $no_pkinit;
        like part(fetch('/wide/outer.shtml', 'dora'), 'indicator'), qr/^GSS_NAME=dora/m, '... dora has it';
    }
    $r = fetch('/error-page/env.pl', 'bob');
    is $r->status, 403, 'denied, with a page of its own';
    is_deeply [ grep { /TICKET_INDICATORS/ } keys %{ $r->env } ], [], '... in which nothing of the ticket is left';
    $r = fetch('/error-strong/missing', 'bob');
    is_deeply [ $r->status, scalar grep { $_ eq 'Negotiate' } $r->challenges ], [ 404, 0 ], 'an ErrorDocument that wants more: not shown, nobody asked';
    unlike $r->body, qr/GSS_NAME=/, '... not at all';
}

# --- AuthNegotiateAttribute --------------------------------------------------

is fetch('/wide/env.pl', 'bob')->env->{TICKET_INDICATORS}, 'spake', 'one value';
is fetch('/wide/env.pl', 'alice')->env->{TICKET_INDICATORS}, undef, 'none';
is fetch('/wide-missing/env.pl', 'bob')->env->{TICKET_NONE}, undef, 'an attribute that nobody has';
is_deeply [ map { my $r = fetch("/$_/env.pl", 'bob'); join ' ', $r->status, grep { /^TICKET_/ } sort keys %{ $r->env } } qw(wide wide/more wide/other wide/off) ],
  [ '200 TICKET_INDICATORS', '200 TICKET_INDICATORS TICKET_MORE', '200', '200 TICKET_LAST' ], 'sections add, replace and take away variables';
SKIP: {
    skip $no_pkinit, 2 if $no_pkinit;
    my $text = fetch('/wide/env.pl', 'dora')->env->{TICKET_INDICATORS};
    is $text, 'pkinit;two%20words%3B%20100%25', 'two values, and none pretends to be two';
    is_deeply [ decoded($text) ], [ 'pkinit', ODD ], '... as the document says';
}

# The stock KDC signs a PAC with client-info: binary, with NULs, another for each ticket.
{
    my $of_pac = sub { server(env => { KRB5_CONFIG => $kdc->krb5_conf }, conf => <<"CONF")->start };
        ScriptAliasMatch "^/[^/]+/env\\.pl" "\@stage\@/cgi-bin/env.pl"
        AuthNegotiateKeytab "$keytab"
        <Location "/">
            AuthType Negotiate
            AuthName "one"
            AuthNegotiateAttribute TICKET_INFO urn:mspac:client-info
            $_[0]
        </Location>
CONF
    my $ask = sub { http(port => $_[0]->port)->get($_[1], token($_[2])) };
    my $first = $of_pac->('Require valid-user');
    my ($bytes) = decoded($ask->($first, '/x/env.pl', 'bob')->env->{TICKET_INFO} || '');
    $first->stop;
    SKIP: {
        skip 'this KDC makes no PAC', 6 if !defined $bytes;
        like $bytes, qr/b\0o\0b\0/, 'binary values are shown whole';
        my %value = (
            exact   => "base64:" . encode_base64($bytes, ''),
            shorter => "base64:" . encode_base64(substr($bytes, 0, -1), ''),
            longer  => "base64:" . encode_base64("$bytes\0", ''),
            other   => "base64:" . encode_base64($bytes =~ s/b\0\z/x\0/r, ''),
        );
        my $second = $of_pac->(join "\n", 'Require all denied', '</Location>',
            map({ "<Location /$_>\nRequire name-attribute urn:mspac:client-info $value{$_}\n</Location>" } sort keys %value),
            '<Location /end>');
        is $ask->($second, "/$_/env.pl", 'bob')->status, $_ eq 'exact' ? 200 : 403, "bytes: $_" for sort keys %value;
        is $ask->($second, '/exact/env.pl', 'alice')->status, 403, "... those of another's ticket";
        $second->stop;
    }
}

# --- .htaccess ---------------------------------------------------------------

is status('/htaccess/spake/page.shtml', 'bob'),   200, '.htaccess: Require auth-indicator';
is status('/htaccess/spake/page.shtml', 'alice'), 403, '... refuses';
is status('/htaccess/wants/page.shtml', 'bob'),   403, '... another one';
is status("/htaccess/$_/page.shtml", 'bob'), 500, "... $htaccess{$_}" =~ s/\n/; /gr for qw(file wrong taken);
SKIP: {
    skip $no_pkinit, 1 if $no_pkinit;
    like fetch('/htaccess/wants/page.shtml', 'dora')->body, qr/^FROM_TICKET=pkinit;/m, '... AuthNegotiateAttribute';
}

# --- what cannot be obeyed ---------------------------------------------------

my %wrong = (
    'Require krb5-realm'                           => qr/nothing follows it; write one or more realms/,
    'Require krb5-realm @EXAMPLE.TEST'             => qr/"\@EXAMPLE\.TEST": write the realm without its \@/,
    'Require krb5-realm A.TEST,B.TEST'             => qr/"A\.TEST,B\.TEST": separate realms by spaces/,
    'Require krb5-realm "%{nothing"'               => qr/the expression "%\{nothing" cannot be read/,
    'Require auth-indicator'                       => qr/nothing follows it; write one or more indicators/,
    'Require auth-indicator ""'                    => qr/an empty word matches nobody/,
    'Require name-attribute'                       => qr/nothing follows it\. Write the name/,
    'Require name-attribute x'                     => qr/nothing follows it\. Write the name/,
    'Require name-attribute %{HTTP:X} y'           => qr/the name of the attribute cannot be an expression/,
    'Require name-attribute x base64:y'            => qr/"base64:y" cannot be decoded/,
    'Require name-attribute x base64:'             => qr/there is nothing in it/,
    'Require name-attribute x "base64:%{HTTP:X}"'  => qr/an expression cannot be in base64/,
    'AuthNegotiateAttribute X-Y a'                 => qr/"X-Y" is no name of a variable/,
    'AuthNegotiateAttribute TICKET'                => qr/write the attribute that TICKET is to show/,
    'AuthNegotiateAttribute TICKET "%{HTTP:X}"'    => qr/the name of the attribute cannot be an expression/,
    map({ ("AuthNegotiateAttribute $_ a" => qr/the variable $_ has a meaning of its own/) }
        qw(REMOTE_USER GSS_NAME NEGOTIATE_REALM KRB5CCNAME PATH LD_PRELOAD HTTP_HOST http_host)),
);
for my $line (sort keys %wrong) {
    my $r = server(conf => "<Location /x>\n$line\n</Location>\n")->check;
    ok !$r->{ok} && $r->{output} =~ $wrong{$line}, $line or diag $r->{output};
}

done_testing;
