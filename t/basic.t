# Passwords, for clients without a ticket: AuthNegotiateBasicProvider, the provider `kerberos` under
# mod_auth_basic, other providers beside it, and what is asked of the KDC for each.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Keytab qw(write_keytab entry);
use NegTest::Ports 'free_port';
use NegTest::Stage;

plan tests => 185;

my $realm = kdc()->realm;
my $tls   = free_port();
my $dir   = stage_dir() . '/basic';
mkdir $_ for $dir, "$dir/delegated";
chmod 0755, $dir;
NegTest::Stage->give_to_httpd("$dir/delegated", 0700);

# --- users -------------------------------------------------------------------

my %password = (
    plain    => 'secret-of-plain',
    colons   => 'a:b::c',
    utf8     => "gr\xc3\xbc\xc3\x9fe",
    locked   => 'secret-of-locked',
    expired  => 'secret-of-expired',
    change   => 'secret-of-change',
    preauth  => 'secret-of-preauth',
    both     => 'secret-at-the-kdc',
    'ent\@corp.test' => 'secret-of-ent',
);
kdc()->add_principal($_, password => $password{$_}) for sort keys %password;
kdc()->kadmin(undef, 'modify_principal', '-allow_tix', 'locked');
kdc()->kadmin(undef, 'modify_principal', '-expire', '2001-01-01', 'expired');
kdc()->kadmin(undef, 'modify_principal', '+needchange', 'change');
kdc()->kadmin(undef, 'modify_principal', '+requires_preauth', 'preauth');

put("$dir/users", map { chomp(my $hash = run([ 'openssl', 'passwd', '-apr1', $_->[1] ])->{output}); "$_->[0]:$hash\n" }
      [ filer => 'secret-of-filer' ], [ both => 'secret-of-file' ]);
mkdir "$dir/pages";
put("$dir/pages/parts.shtml", map { qq{$_:<!--#include virtual="/pages/$_/env.pl" -->\n} } qw(here none file here none file));
put("$dir/pages/files.shtml", qq{<!--#include virtual="/pages/file/env.pl" -->other:<!--#include virtual="/pages/file2/env.pl" -->\n});
put("$dir/pages/failing.shtml", map { qq{<!--#include virtual="/basic/env.pl" -->\n} } 1 .. 5);
put("$dir/pages/keys.shtml", map { qq{$_:<!--#include virtual="/pages/$_/env.pl" -->\n} } qw(here alien));
put("$dir/pages/alien-first.shtml", map { qq{$_:<!--#include virtual="/pages/$_/env.pl" -->\n} } qw(alien here));
put("$dir/pages/other-password.shtml", qq{inner:<!--#include virtual="/swap/inner/env.pl" -->\n});
put("$dir/users2", "somebody:x\n");
sub put {
    my ($file, @text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out @text;
    close $out;
    chmod 0644, $file;
    return;
}

# --- the server --------------------------------------------------------------

my $files = "AuthUserFile $dir/users";
my $alien = write_keytab(keytab('basic-alien'), entry('HTTP/localhost'));    # a key that the KDC does not know
my $cache = "AuthNegotiateBasicProvider socache kerberos\nAuthnCacheProvideFor kerberos\nAuthnCacheTimeout 600";
my %lines = (
    basic        => 'AuthNegotiateBasicProvider kerberos',
    'basic/off'  => 'AuthNegotiateBasicProvider off',
    quoted       => qq{AuthName "a \\"realm\\" b"\nAuthNegotiateBasicProvider kerberos},
    clear        => "AuthNegotiateBasicProvider kerberos\nAuthNegotiateRequireTLS Off",
    on           => "AuthNegotiateBasicProvider kerberos\nAuthNegotiateRequireTLS On",
    persist      => "AuthNegotiateBasicProvider kerberos\nAuthNegotiatePersist On",
    realm        => "AuthNegotiateBasicProvider kerberos\nAuthNegotiateBasicRealm OTHER.TEST",
    'realm/default' => 'AuthNegotiateBasicRealm default',
    strip        => "AuthNegotiateBasicProvider kerberos\nAuthNegotiateUser strip OTHER.TEST",
    enterprise   => "AuthNegotiateBasicProvider kerberos\nAuthNegotiateBasicEnterprise On",
    delegate     => "AuthNegotiateBasicProvider kerberos\nAuthNegotiateDelegate FILE:$dir/delegated",
    host         => "AuthNegotiateBasicProvider kerberos\nAuthNegotiateAcceptor host\@localhost",
    file         => "AuthNegotiateBasicProvider file kerberos\n$files",
    kerberos     => "AuthNegotiateBasicProvider kerberos file\n$files",
    plain        => "AuthType Basic\nAuthBasicProvider kerberos",
    'plain/strip' => 'AuthNegotiateUser strip',
    'plain/clear' => 'AuthNegotiateRequireTLS Off',
    'plain/list' => "AuthBasicProvider kerberos file\n$files",
    cache        => "$cache\nAuthNegotiateUser strip",
    whole        => $cache,
    never        => "AuthNegotiateBasicProvider kerberos\nSetEnvIf Request_Method . no-negotiate",
    pages        => 'AuthNegotiateBasicProvider kerberos',
    'pages/here' => "AuthNegotiateBasicProvider kerberos\nAuthNegotiatePersist On",
    'pages/none' => 'AuthNegotiateBasicProvider off',
    'pages/file' => "AuthNegotiateBasicProvider file\n$files",
    'pages/alien' => "AuthNegotiateBasicProvider kerberos\nAuthNegotiateKeytab $alien",
    map({ ("pages/$_" => "AuthType None\nRequire all granted") } qw(keys.shtml alien-first.shtml)),
    swap          => "AuthNegotiateBasicProvider kerberos\nRequestHeader set Authorization \"" . basic('plain', 'not-the-password') . '"',
    'swap/inner'  => "AuthType Basic\nAuthBasicProvider kerberos",
    'pages/file2' => "AuthNegotiateBasicProvider file\nAuthUserFile $dir/users2",
    'pages/failing.shtml' => "AuthType None\nRequire all granted",
    'pages/files.shtml'   => "AuthType None\nRequire all granted",
    only         => "AuthNegotiateBasicProvider kerberos\nRequire user plain\@$realm",
    any          => "AuthNegotiateBasicProvider kerberos\nRequire ip 192.0.2.1",
    htaccess     => 'AuthNegotiateBasicProvider kerberos',
    'htaccess/x' => 'AuthNegotiateChannelBinding off',
);
my $locations = '';
for my $path (sort keys %lines) {
    $locations .= "Alias /$path \"" . ($path =~ /^(?:pages|swap)$/ ? "$dir/pages" : '@documentroot@') . "\"\n" if $path !~ m{/};
    $locations .= join "\n", "<Location /$path>", $path =~ m{/} ? () : ('AuthType Negotiate', 'AuthName test'), $lines{$path},
      $path =~ m{/} || $lines{$path} =~ /Require user/ ? () : 'Require valid-user', 'Options +Includes', "</Location>\n";
}

my $server = server(env => { KRB5CCNAME => "FILE:$dir/default-ccache" }, conf => <<"CONF")->start;
PassEnv KRB5_CONFIG
LogLevel auth_negotiate:trace8
LimitRequestFieldSize 131072
AuthnCacheEnable
AuthnCacheSOCache shmcb
ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
ScriptAliasMatch "tickets\\.pl\$" "\@stage\@/cgi-bin/tickets.pl"
AuthNegotiateKeytab \@keytab\@
RedirectMatch temp "^/never/away\$" "/basic"
RewriteEngine On
RewriteRule "^/pages/to-file\$" "/pages/file/env.pl" [PT]
$locations
Listen 127.0.0.1:$tls
<VirtualHost 127.0.0.1:$tls>
    ServerName localhost:$tls
    Protocols h2 http/1.1
    SSLEngine On
    SSLCertificateFile "\@stage\@/tls/server.crt"
    SSLCertificateKeyFile "\@stage\@/tls/server.key"
    RewriteEngine On
    RewriteOptions Inherit
</VirtualHost>
CONF

sub secure { return http(port => $tls, tls => 1, ca_file => stage_dir() . '/tls/ca.crt') }
sub clear  { return http(port => $server->port) }
sub basic  { my ($user, $password) = @_; return 'Basic ' . encode_base64("$user:$password", '') }

sub get {
    my ($path, $user, $password) = @_;
    return secure()->get("/$path/env.pl", defined $user ? (Authorization => basic($user, $password)) : ());
}

# What the KDC was asked while the code ran: "AS TGS" for one of each.
sub asked {
    my ($code) = @_;
    my $before = length kdc()->log_text;
    $code->();
    my $text = substr kdc()->log_text, $before;
    return join ' ', $text =~ /\b(AS|TGS)_REQ \(/g;
}

my @challenges = ('Negotiate', 'Basic realm="test"');

# --- the offer ---------------------------------------------------------------

is_deeply [ get('basic')->challenges ], \@challenges, 'two challenges, Negotiate first, a line each';
is_deeply [ get('basic/off')->challenges ], ['Negotiate'], 'off: Negotiate alone';
is_deeply [ get('quoted')->challenges ], [ 'Negotiate', 'Basic realm="a \"realm\" b"' ], 'a realm with quotes is quoted';
is_deeply [ get('never')->challenges ], [ $challenges[1] ], 'no-negotiate: Basic alone';

# --- right and wrong ---------------------------------------------------------

for my $user (qw(plain colons utf8 preauth)) {
    my $r = get('basic', $user, $password{$user});
    is $r->status, 200, "$user: the right password";
    is $r->env->{REMOTE_USER}, "$user\@$realm", '... and who it is';
}
{
    my $env = get('basic', 'plain', $password{plain})->env;
    is $env->{AUTH_TYPE}, 'Basic', 'AUTH_TYPE';
    is $env->{GSS_NAME}, "plain\@$realm", 'GSS_NAME';
    is $env->{NEGOTIATE_REALM}, $realm, 'NEGOTIATE_REALM';
    is $env->{NEGOTIATE_MECH}, 'krb5', 'NEGOTIATE_MECH';
    is $env->{NEGOTIATE_SOURCE}, 'header', 'NEGOTIATE_SOURCE';
    is $env->{NEGOTIATE_CHANNEL_BOUND}, 0, 'NEGOTIATE_CHANNEL_BOUND';
    cmp_ok $env->{GSS_SESSION_EXPIRATION}, '>', time, 'GSS_SESSION_EXPIRATION';
    is $env->{KRB5CCNAME}, undef, 'no ccache without AuthNegotiateDelegate';
}
is get('basic', "plain\@$realm", $password{plain})->env->{REMOTE_USER}, "plain\@$realm", 'the default realm may be written';
is get('host', 'plain', $password{plain})->status, 200, 'another AuthNegotiateAcceptor verifies the KDC with its own key';

my %same;
for my $case (
    [ 'a wrong password',            'plain',   'wrong',            'password' ],
    [ 'a wrong password, preauth',   'preauth', 'wrong',            'password' ],
    [ 'an unknown user',             'nobody',  'wrong',            'unknown-user' ],
    [ 'an empty password',           'plain',   '',                 'password', '' ],
    [ 'a locked account',            'locked',  $password{locked},  'locked' ],
    [ 'an expired account',          'expired', $password{expired}, 'account-expired' ],
    [ 'an expired password',         'change',  $password{change},  'password-expired' ],
    [ 'no user',                     '',        'x',                'unknown-user', '' ],
    [ 'a slash in the name',         'HTTP/localhost', 'x',         'unknown-user', '' ],
    [ 'a backslash in the name',     'pl\\ain', 'x',                'unknown-user', '' ],
    [ 'a control character',         "plain\n", 'x',                'unknown-user', '' ],
    [ 'two realms',                  "plain\@$realm\@$realm", 'x',  'unknown-user', '' ],
    [ 'a realm that is not asked',   'carol@OTHER.TEST', 'carol',   'realm', '' ],
    [ 'a realm that is none',        'plain@' . lc $realm, $password{plain}, 'realm', '' ],
    [ 'a NUL in the password',       'plain',   "$password{plain}\0x", 'malformed', '' ],
    [ 'a NUL in the name',           "plain\0x", $password{plain},  'malformed', '' ],
) {
    my ($name, $user, $password, $code, $asked) = @$case;
    my $r;
    $server->log->mark;
    my $of_kdc = asked(sub { $r = get('basic', $user, $password) });
    is $r->status, 401, "$name: 401";
    is_deeply [ $r->challenges ], \@challenges, '... and both challenges';
    my @said = $server->log->wait_for(qr/authentication failure|Basic refused/);
    like "@said", $code eq 'malformed' ? qr/Basic refused \(malformed\)/ : qr/ user .*: authentication failure for "\/basic\/env\.pl": .* \($code\)/,
      "... $code";
    is $of_kdc, $asked, '... and no KDC is asked' if defined $asked;
    my $text = $r->head =~ s/^Date:.*\r\n//mr;
    $same{"$text\n" . $r->body}++;
}
is scalar(keys %same), 1, 'nothing in the answer tells these cases apart';

{
    my $r = secure()->get('/basic/env.pl', Authorization => basic('plain', 'x' x 48_000));
    is $r->status, 401, '48,000 bytes of a wrong password';
    $r = secure()->get('/basic/env.pl', Authorization => basic('plain', 'x' x 65_536));
    is $r->status, 401, '64 KB of it';
}
is secure()->get('/basic/env.pl', Authorization => "Basic $_->[1]")->status, 401, "junk: $_->[0]"
  for [ nothing => '' ], [ 'no base64' => '!!!!' ], [ 'no colon' => encode_base64('plain', '') ], [ 'base64url' => 'cGxhaW46__8=' ];

# Whoever fails with one scheme may try the other.
{
    my $r = secure()->get('/basic/env.pl', Authorization => negotiate('junk'));
    is_deeply [ map { /^(\S+)/ } $r->challenges ], [qw(Negotiate Basic)], 'a failed token: both are offered';
    my $http = secure();
    is $http->get('/basic/env.pl', Authorization => basic('plain', 'wrong'))->status, 401, 'a failed password, then';
    is $http->get('/basic/env.pl', Authorization => initiator('alice')->authorization)->env->{AUTH_TYPE}, 'Negotiate', '... a token';
}

# --- exchanges ---------------------------------------------------------------

is asked(sub { get('basic', 'plain', $password{plain}) }), 'AS TGS', 'one AS and one TGS exchange';
ok !-e "$dir/default-ccache", 'the default ccache is not touched';
{
    my $http = secure();
    is $http->get('/persist/env.pl', Authorization => basic('plain', $password{plain}))->status, 200, 'AuthNegotiatePersist:';
    my $r = $http->get('/persist/env.pl');
    is $r->status, 401, '... no connection keeps what a password proved';
    is $r->header('Persistent-Auth'), undef, '... nor says so';
}

# --- TLS ---------------------------------------------------------------------

{
    my $r = clear()->get('/basic/env.pl');
    is_deeply [ $r->challenges ], ['Negotiate'], 'without TLS no password is asked for';
    $server->log->mark;
    my $asked = asked(sub { $r = clear()->get('/basic/env.pl', Authorization => basic('plain', $password{plain})) });
    is $r->status, 403, '... and one that comes is refused';
    is_deeply [ $r->challenges ], [], '... without a challenge';
    is $asked, '', '... unread';
    ok $server->log->wait_for(qr/Basic refused \(tls\): .*AuthNegotiateRequireTLS Off/), '... and said';
    is clear()->get('/basic/env.pl', Authorization => initiator('alice')->authorization)->status, 200, '... a token is taken';
    is clear()->get('/on/env.pl', Authorization => basic('plain', $password{plain}))->status, 403, 'On: 403';
    is get('on', 'plain', $password{plain})->status, 200, '... over TLS it is taken';
    is_deeply [ clear()->get('/clear/env.pl')->challenges ], \@challenges, 'Off: asked for in the clear';
    is clear()->get('/clear/env.pl', Authorization => basic('plain', $password{plain}))->status, 200, '... and taken';
    my $output = $server->check->{output};
    like $output, qr/AuthNegotiateRequireTLS Off \(in \/clear.*passwords may come to \/clear without TLS/, '... which the start warns of';
    like $output, qr/AuthNegotiateRequireTLS Off \(in \/plain\/clear,/, '... under mod_auth_basic, too' or diag $output;
}
{
    my $r = server(conf => "<Location /x>\nAuthNegotiateChannelBinding require\n</Location>\n<Location /x/y>\n"
          . "AuthNegotiateBasicProvider kerberos\n</Location>\n")->check;
    ok !$r->{ok}, 'AuthNegotiateChannelBinding require and a password stop the start';
    like $r->{output}, qr/AuthNegotiateBasicProvider \(in \/x\/y, .*write AuthNegotiateBasicProvider off/, '... and it is said what to write';
}

# --- realms ------------------------------------------------------------------

for my $path (qw(realm strip)) {
    my $r = get($path, 'carol@OTHER.TEST', 'carol');
    is $r->status, 200, "$path: a realm that is allowed";
    is $r->env->{GSS_NAME}, 'carol@OTHER.TEST', '... its user';
}
is get('strip', 'carol@OTHER.TEST', 'carol')->env->{REMOTE_USER}, 'carol', '... stripped';
is asked(sub { is get('realm/default', 'carol@OTHER.TEST', 'carol')->status, 401, 'default: the default realm alone' }), '',
  '... and no KDC is asked';
SKIP: {
    my $conf = "<Location /r>\nRequire krb5-realm OTHER.TEST\nAuthType Negotiate\nAuthName test\n"
      . "AuthNegotiateBasicProvider kerberos\nAuthNegotiateRequireTLS Off\nAuthNegotiateKeytab \@keytab\@\n</Location>\n"
      . "<Location /r/other>\nRequire valid-user\n</Location>\n";
    my $rules = server(conf => $conf);
    skip 'there is no Require krb5-realm', 3 if !$rules->check->{ok};
    $rules->start;
    my $of = sub { http(port => $rules->port)->get($_[0], Authorization => basic('carol@OTHER.TEST', 'carol'))->status };
    is $of->('/r/'), 404, 'Require krb5-realm: its realm is asked';
    is asked(sub { is $of->('/r/other'), 401, '... not where other rules take its place' }), '', '... no KDC is asked';
    $rules->stop;
}
{
    my $r = get('enterprise', 'ent@corp.test', $password{'ent\@corp.test'});
    is $r->status, 200, 'an enterprise name';
    is $r->env->{GSS_NAME}, "ent\\\@corp.test\@$realm", '... the principal is what the ticket says';
    is get('enterprise', 'carol@OTHER.TEST', 'carol')->status, 401, '... no name is a realm\'s then';
    is get('enterprise', 'plain', $password{plain})->status, 200, '... a bare name is what it was';
}

# --- one request, several checks ---------------------------------------------

# Each part of a page is included with what it shows, or as an error.
sub parts_of {
    my ($path) = @_;
    my $body = secure()->get($path, Authorization => basic('plain', $password{plain}))->body;
    return join ' ', map { my ($name, $text) = @$_; "$name " . ($text =~ /^REMOTE_USER=plain\b/m ? 'in' : 'out') }
      map { [ split /:/, $_, 2 ] } split /^(?=(?:here|alien|inner):)/m, $body;
}
is parts_of('/pages/keys.shtml'), 'here in alien out', 'what one keytab verifies is not taken for verified by another';
is parts_of('/pages/alien-first.shtml'), 'alien out here in', '... nor for refused';
is parts_of('/swap/other-password.shtml'), 'inner out', 'the answer for one password is not that for another';

# --- delegation --------------------------------------------------------------

{
    my $r = secure()->get('/delegate/tickets.pl', Authorization => basic('plain', $password{plain}));
    my $t = $r->env;
    like $t->{KRB5CCNAME}, qr{^FILE:\Q$dir\E/delegated/}, 'AuthNegotiateDelegate: a ccache';
    is $t->{principal}, "plain\@$realm", '... of the user';
    is $t->{tgt}, 1, '... with the ticket-granting ticket';
    is $t->{kvno}, 1, '... good for tickets in that name';
    ok wait_until(sub { !(my @left = glob "$dir/delegated/*") }, 5), '... gone with the request';
}

# --- other providers ---------------------------------------------------------

for my $path (qw(file kerberos)) {
    my $env = get($path, 'filer', 'secret-of-filer')->env;
    is $env->{REMOTE_USER}, 'filer', "$path first: a user of the file";
    is_deeply [ grep { defined } @$env{qw(GSS_NAME GSS_SESSION_EXPIRATION NEGOTIATE_REALM NEGOTIATE_MECH NEGOTIATE_CHANNEL_BOUND)} ], [], '... has no ticket\'s variables';
    is $env->{AUTH_TYPE}, 'Basic', '... AUTH_TYPE';
    is get($path, 'plain', $password{plain})->env->{REMOTE_USER}, "plain\@$realm", '... a user of the KDC';
    is get($path, 'filer', 'wrong')->status, 401, '... a wrong password';
    my ($knows, $not) = $path eq 'file' ? qw(secret-of-file secret-at-the-kdc) : qw(secret-at-the-kdc secret-of-file);
    is get($path, 'both', $knows)->status, 200, '... who is known to both has the first one\'s password';
    is get($path, 'both', $not)->status, 401, '... and not the other one\'s';
}
{
    my $r = server(conf => "<Location /x>\nAuthNegotiateBasicProvider no-such\n</Location>\n")->check;
    ok !$r->{ok} && $r->{output} =~ /"no-such" is no provider that is loaded; write kerberos, off/, 'an unknown provider stops the start';
}

# --- mod_auth_basic ----------------------------------------------------------

{
    my $r = get('plain', 'plain', $password{plain});
    is $r->env->{REMOTE_USER}, "plain\@$realm", 'mod_auth_basic: REMOTE_USER is the principal';
    is get('plain/strip', 'plain', $password{plain})->env->{REMOTE_USER}, 'plain', '... as AuthNegotiateUser has it';
    is_deeply [ get('plain')->challenges ], [ $challenges[1] ], '... its own challenge';
    is get('plain', 'plain', 'wrong')->status, 401, '... a wrong password';
    is get('plain', 'carol@OTHER.TEST', 'carol')->status, 401, '... a realm that is not asked';
    is get('plain/list', 'filer', 'secret-of-filer')->env->{REMOTE_USER}, 'filer', '... another provider behind it';
    $server->log->mark;
    is clear()->get('/plain/env.pl', Authorization => basic('plain', $password{plain}))->status, 500, '... in the clear: 500';
    ok $server->log->wait_for(qr/takes no password .*write AuthNegotiateRequireTLS Off/), '... and it is said what to write';
    is clear()->get('/plain/clear/env.pl', Authorization => basic('plain', $password{plain}))->status, 200, '... Off';
}

{
    $server->log->mark;
    get('realm', "a\@ELSEWHERE.TEST", 'x');
    ok $server->log->wait_for(qr/the KDC of the realm ELSEWHERE\.TEST is not asked here, only that of $realm OTHER\.TEST; a location/),
      'a realm that is not asked is named, with those that are';
}

# --- mod_authn_socache -------------------------------------------------------

{
    is asked(sub { get('cache', 'plain', $password{plain}) }), 'AS TGS', 'socache: the first time the KDC is asked';
    my $r;
    is asked(sub { $r = get('cache', 'plain', $password{plain}) }), '', '... then it is not';
    is $r->env->{REMOTE_USER}, 'plain', '... REMOTE_USER is the same';
    is $r->env->{GSS_NAME}, undef, '... and there is no ticket';
    is get('cache', 'plain', 'wrong')->status, 401, '... a wrong password stays wrong';
    get('cache', "plain\@$realm", $password{plain});
    is asked(sub { get('cache', "plain\@$realm", $password{plain}) }), 'AS TGS', '... another spelling is not cached';
    get('whole', 'plain', $password{plain});
    is asked(sub { is get('whole', 'plain', $password{plain})->env->{REMOTE_USER}, "plain\@$realm", 'principal:' }), 'AS TGS',
      '... nor is a name that REMOTE_USER has another way';
}

# --- parts and redirects -----------------------------------------------------

{
    my $http = secure();
    my $r;
    my $asked = asked(sub { $r = $http->get('/pages/parts.shtml', Authorization => basic('plain', $password{plain})) });
    is $asked, 'AS TGS', 'the parts of a page cost no exchange';
    my ($body, %part) = $r->body;
    $part{$1} .= $2 =~ /^REMOTE_USER=(.*)/m ? "$1 " : 'nobody ' while $body =~ /^(\w+):(.*?)(?=^\w+:|\z)/msg;
    is $part{here}, "plain\@$realm plain\@$realm ", '... and know who it is';
    is $part{none}, 'nobody nobody ', '... not where passwords are off';
    is $part{file}, 'nobody nobody ', '... nor where another provider is asked';
    is asked(sub { $http->get('/pages/failing.shtml', Authorization => basic('plain', 'wrong')) }), 'AS', 'five parts with a wrong password are one question';
    $r = $http->get('/pages/files.shtml', Authorization => basic('filer', 'secret-of-filer'));
    like $r->body, qr/^REMOTE_USER=filer\n.*other:/ms, 'two files of one provider: a user of the first';
    unlike $r->body, qr/other:.*^REMOTE_USER/ms, '... is nobody for the second';
    is asked(sub { $r = $http->get('/pages/to-file', Authorization => basic('plain', $password{plain})) }), '', 'rewritten to a location of another provider: that one is asked';
    is $r->status, 401, '... and does not know the user';
    is $http->get('/pages/to-file', Authorization => basic('filer', 'secret-of-filer'))->env->{REMOTE_USER}, 'filer', '... or does';
}

# --- Require -----------------------------------------------------------------

is get('only', 'plain', $password{plain})->status, 200, 'Require user: the one';
is get('only', 'utf8', $password{utf8})->status, 403, '... another: 403';
is get('any', 'plain', $password{plain})->status, 200, 'beside another rule';

# --- curl, HTTP/2 ------------------------------------------------------------

my @curl = ('--cacert', stage_dir() . '/tls/ca.crt', '-u', "plain:$password{plain}", "https://localhost:$tls/basic/env.pl");
like curl('FILE:/nonexistent', '--basic', @curl), qr/^REMOTE_USER=plain\@/m, 'curl --basic';
like curl('FILE:/nonexistent', '--anyauth', '--http1.1', @curl), qr/^REMOTE_USER=plain\@|401/m, 'curl --anyauth without a ticket';
like curl('FILE:/nonexistent', '--http2', '--basic', @curl), qr/^REMOTE_USER=plain\@/m, 'curl, HTTP/2';

# --- the log -----------------------------------------------------------------

my $text = do { my $log = NegTest::Log->new($server->log->file); $log->{from} = 0; $log->text };
my @secrets = map { ($_, substr(encode_base64($_, ''), 0, 12), substr(encode_base64("plain:$_", ''), 0, -4)) } grep { length > 6 } values %password;
is_deeply [ grep { index($text, $_) >= 0 } @secrets ], [], 'no password is in the log';
cmp_ok length $text, '>', 10_000, '... which has a lot in it';
SKIP: {
    my $filter = '/etc/fail2ban/filter.d/apache-auth.conf';
    skip 'fail2ban is not installed', 2 if !-e $filter;
    my $log = "$dir/fail2ban.log";
    put($log, map { "$_\n" } grep { /\[auth_negotiate:error\].*authentication failure/ } split /\n/, $text);
    my $lines = () = do { open my $in, '<', $log; <$in> };
    my ($matched) = run([ 'fail2ban-regex', $log, $filter ])->{output} =~ /(\d+) matched/;
    cmp_ok $lines, '>', 10, 'there are lines for fail2ban';
    is $matched, $lines, '... and its filter for httpd matches each';
}
is_deeply [ $server->log->crashes ], [], 'nobody died';
$server->stop;
