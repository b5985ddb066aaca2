# Sessions under attack: planted cookies, other users of the server, users who log in again and again.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use File::Copy 'copy';
use File::Path qw(make_path remove_tree);
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd 'mpm';
use Time::HiRes qw(sleep time);

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';
plan skip_all => 'this httpd has no mod_socache_shmcb' if !-e NegTest::Httpd::apxs('LIBEXECDIR') . '/mod_socache_shmcb.so';

my $site   = NegTest::stage_dir() . "/session-hostile-$$";
my %author = (
    setenvif => 'SetEnvIf Cookie (.*) STOLEN=$1',
    rewrite  => "RewriteEngine On\nRewriteCond %{HTTP_COOKIE} (.*)\nRewriteRule ^ - [E=STOLEN:%1]",
    expr     => 'SetEnvIfExpr "%{HTTP:Cookie} =~ /(.*)/" STOLEN=$1',
    cookie   => 'AuthNegotiateSessionCookie x',
);
for my $name (keys %author) {
    make_path("$site/$name");
    copy(NegTest::stage_dir() . '/cgi-bin/env.pl', "$site/$name/env.pl") or die "$site: $!\n";
    open my $out, '>', "$site/$name/.htaccess" or die "$site: $!\n";
    print $out "SetHandler cgi-script\n$author{$name}\n";
    close $out;
    chmod 0755, $site, "$site/$name", "$site/$name/env.pl";
}

my $tickets = NegTest::stage_dir() . '/delegated';
kdc()->add_principal('typed', password => 'typed 1');
kdc()->add_principal('jarless', password => 'jarless');

my $server = server(conf => <<"CONF")->start;
    ScriptAliasMatch "^/[^/]+/env\\.pl" "\@stage\@/cgi-bin/env.pl"
    AliasMatch "^/[^/]+/(plain\\.txt)" "\@stage\@/htdocs/\$1"
    AuthNegotiateKeytab "\@keytab\@"
    LogLevel warn auth_negotiate:debug
    AuthNegotiateSessionStore shmcb
    ServerName localhost:80
    <Location "/">
        AuthType Negotiate
        AuthName "one"
        AuthNegotiateSession On
        Require valid-user
    </Location>
    <Location "/open">
        Require all granted
    </Location>
    <Location "/nobody">
        Require all denied
    </Location>
    <Location "/denied">
        AuthNegotiateDelegate "FILE:$tickets"
        Require user nobody
        ErrorDocument 403 /open/env.pl
    </Location>
    <Location "/denied/twice">
        ErrorDocument 403 /open/again
    </Location>
    <Location "/open/again">
        RewriteEngine On
        RewriteRule ^ /open/env.pl
    </Location>
    <Location "/typed">
        AuthNegotiateBasicProvider kerberos
        AuthNegotiateRequireTLS Off
    </Location>
    <Location "/typed/again">
        RewriteEngine On
        RewriteRule ^ /typed/any/env.pl
    </Location>
    <Location "/typed/any">
        AuthNegotiateAcceptor any
    </Location>
    ScriptAlias "/typed/any/env.pl" "\@stage\@/cgi-bin/env.pl"
    <Location "/app">
        AuthNegotiateSessionCookie app
    </Location>
    <Location "/sub">
        AuthNegotiateSessionCookie default Path=/sub
    </Location>
    <Location "/short">
        AuthName "short"
        AuthNegotiateSessionTimeout 1 1
    </Location>
    <Location "/logout">
        SetHandler negotiate-logout
        Require all granted
    </Location>
    <Location "/logout/app">
        AuthNegotiateSession Off
        AuthNegotiateSessionCookie app
    </Location>
    <Location "/logout/elsewhere">
        AuthName "elsewhere"
    </Location>
    Alias "/site" "$site"
    <Directory "$site">
        AllowOverride AuthConfig FileInfo
        Options +ExecCGI
    </Directory>
    CustomLog "$site/cookies.log" "%U %{Cookie}i"
CONF

sub env_of { return "/$_[0]/env.pl" }
sub token  { my ($who, %opt) = @_; return (Authorization => initiator($who, %opt)->authorization) }
sub get    { my ($path, @headers) = @_; return http(port => $server->port)->get($path, @headers) }

sub user {
    my ($r) = @_;
    return 'nothing' if !$r;
    return $r->status if $r->status != 200;
    return $r->env->{REMOTE_USER} || '(none)';
}
sub pair_of { my ($r) = @_; return (($r->header('Set-Cookie'))[0] || '') =~ /^([^;]*)/ ? $1 : '' }
sub login { my ($name, $who, %opt) = @_; return pair_of(get(env_of($name), token($who, %opt))) }
sub seen  { my ($cookie) = @_; return get(env_of('open'), Cookie => $cookie)->env->{HTTP_COOKIE} }
sub kept  { my @all = sort glob "$tickets/krb5cc_session_*"; return @all }
my ($ALICE, $BOB, $JARLESS) = map { "$_\@EXAMPLE.TEST" } qw(alice bob jarless);

subtest 'commas in values' => sub {
    my ($alice, $bob) = map { login('a', $_) } qw(alice bob);
    is user(get(env_of('a'), Cookie => "x=1,$alice")), 401, 'behind the comma of another cookie: no session';
    is user(get(env_of('a'), Cookie => "x=1,$alice; $bob")), $BOB, '... nor does it come before one';
    is seen("x=1,$alice"), undef, '... and it is hidden, too';
    is seen('negotiate_00000000=a,__Host-app=evil; other=1'), 'other=1', 'what stands behind a comma becomes no cookie';
    is seen('x=1,negotiate_00000000=z; __Host-csrf=abc; y=2'), '__Host-csrf=abc; y=2', '... and takes no other away';
    my ($name) = $bob =~ /^([^=]+)/;
    is get('/open/plain.txt', Cookie => $bob)->status, 200, 'a session';
    is user(get(env_of('a'), Cookie => 'x=1' . ",$name=" x 64 . "; $bob")), $BOB, '... is not hidden by 64 commas';
};

subtest 'the author of a .htaccess' => sub {
    my $alice = login('a', 'alice');
    for my $name (qw(setenvif rewrite expr)) {
        my $r = get("/site/$name/env.pl", Cookie => "b=1; $alice");
        is user($r), $ALICE, "$name: alice visits him with her session";
        is $r->env->{STOLEN}, 'b=1', '... and he sees her other cookies';
    }
    is user(get('/site/cookie/env.pl', token('alice'))), 500, 'he can give no cookie a name of his own';
    like $server->log->text, qr/AuthNegotiateSessionCookie not allowed here/, '... which is said';
};

subtest 'a cookie with a name or a path' => sub {
    my %cookie = map { $_ => login($_, 'alice') } qw(a app sub);
    is user(get(env_of($_), Cookie => $cookie{$_})), $ALICE, "at /$_: alice" for sort keys %cookie;
    my %name = map { $_ => $cookie{$_} =~ s/=.*//sr } keys %cookie;
    is $name{app}, 'app', '... by its name';
    is $name{sub}, $name{a}, '... and by one that two have';
    for my $case ([qw(app a)], [qw(a app)], [qw(sub a)]) {
        my ($from, $to) = @$case;
        is user(get(env_of($to), Cookie => $cookie{$from} =~ s/^[^=]*/$name{$to}/r)), 401,
          "the one of /$from at /$to: renamed, it is good for nothing";
    }
    is seen("$cookie{app}; b=1"), 'b=1', 'one with a name is hidden in the whole server';
    is get('/nobody/plain.txt', Cookie => "$cookie{app}; $cookie{a}; b=1")->status, 403, 'a request that is refused early';
    my $logged = sub { open my $in, '<', "$site/cookies.log" or return ''; local $/; return <$in> };
    ok wait_until(sub { $logged->() =~ m{^/nobody/plain\.txt}m }, 5), '... is logged';
    like $logged->(), qr{^/nobody/plain\.txt b=1$}m, '... without them';
    unlike $logged->(), qr/negotiate_|app=/, '... as all are';
};

subtest 'who may not enter' => sub {
    unlink kept();
    my $r = get(env_of('denied'), token('alice', delegate => 1));
    is user($r), 403, 'alice is known, and may not enter';
    is $r->header('Set-Cookie'), undef, '... no session begins';
    is_deeply [ kept() ], [], '... and none of her tickets stay';
};

subtest 'cookies of sessions that have ended' => sub {
    my @dead = map { my $c = login('a', 'alice'); get('/logout/', Cookie => $c); $c } 1 .. 6;
    my $bob  = login('a', 'bob');
    is user(get(env_of('a'), Cookie => join '; ', @dead)), 401, 'six that are no session any more';
    is user(get(env_of('a'), Cookie => join '; ', @dead, $bob)), $BOB, '... do not hide one that is';
    is user(get(env_of('a'), Cookie => join '; ', ($dead[0]) x 40, $bob)), $BOB, '... nor does one that comes forty times';
    my $r = get('/logout/', Cookie => join '; ', @dead, $bob);
    is $r->body, "You are logged out.\n", 'they do not keep it from being ended';
    is user(get(env_of('a'), Cookie => $bob)), 401, '... which it is';
    $bob = login('a', 'bob');
    my ($name) = $bob =~ /^([^=]+)/;
    $r = get('/logout/', Cookie => join '; ', ("$name=x") x 64, $bob);
    is $r->status, 503, 'behind more than are looked at: it cannot be said that it has ended';
    like $r->body, qr/too many cookies.*Delete/, '... and what to do';
    is user(get(env_of('a'), Cookie => $bob)), $BOB, '... since it goes on';
    my $short = login('short', 'alice');
    sleep 1.1;
    my $before = $server->log->mark;
    is user(get(env_of('short'), Cookie => $short)), 401, 'of one whose end has come';
    ok scalar $server->log->wait_for(qr/session cookie is not used: it has ended/), '... no store is asked';
};

subtest 'logout tells the truth' => sub {
    my $app = login('app', 'alice');
    is get('/logout/app', Cookie => $app)->body, "You are logged out.\n", 'where sessions are Off they end, too';
    is user(get(env_of('app'), Cookie => $app)), 401, '... indeed';
    my $alice = login('a', 'alice');
    $server->log->mark;
    for my $case ([ '/logout/' ], [ '/logout/', Cookie => $app ], [ '/logout/elsewhere', Cookie => $alice ]) {
        my ($path, @cookie) = @$case;
        my $r = get($path, @cookie);
        is $r->status, 200, "$path " . (@cookie ? 'with the cookie of another place' : 'without a cookie');
        is $r->body, "There was no session to end.\n", '... says that nothing was done';
    }
    like +($server->log->wait_for(qr/ended no session/))[0], qr/AuthName and AuthNegotiateSessionCookie/, '... the log has the remedy';
    is user(get(env_of('a'), Cookie => $alice)), $ALICE, '... and the session goes on';
};

subtest "a page for all, after a location with tickets" => sub {
    for my $path ('/denied/plain.txt', '/denied/twice/plain.txt') {
        my $r    = get($path, token('alice', delegate => 1));
        my $env  = { $r->body =~ /^(\w+)=(.*)$/mg };
        is $r->status, 403, "$path: the error page";
        is $env->{REDIRECT_STATUS}, 403, '... as a redirect';
        ok scalar(grep { /GSS_NAME$/ } keys %$env), '... with what is known of alice';
        is_deeply [ grep { $env->{$_} =~ /krb5cc_/ } sort keys %$env ], [], '... and not where her tickets are';
    }
};

subtest 'a client without a cookie jar' => sub {
    my $alice = login('a', 'alice');
    my @all   = map { login('a', 'jarless') } 1 .. 16;
    is_deeply [ map { user(get(env_of('a'), Cookie => $_)) } @all ], [ ($JARLESS) x 16 ], 'sixteen sessions of a user';
    $server->log->mark;
    my $r = get(env_of('a'), token('jarless'));
    is user($r), $JARLESS, 'the seventeenth login is served';
    is_deeply [ $r->header('Set-Cookie') ], [], '... without a session';
    like +($server->log->wait_for(qr/session-limit/))[0], qr/keeps no cookie.*cookie jar/, '... which is told';
    is get('/logout/', Cookie => $all[7])->body, "You are logged out.\n", 'one that is ended';
    is_deeply [ get(env_of('a'), token('jarless'))->header('Set-Cookie') ], [], '... makes no room at once';
    splice @all, 7, 1;
    is_deeply [ map { user(get(env_of('a'), Cookie => $_)) } @all ], [ ($JARLESS) x 15 ], '... and the others go on';
    is user(get(env_of('a'), Cookie => $alice)), $ALICE, "... as do another user's";
};

subtest 'a password that is used again within a request' => sub {
    my $r = get('/typed/again', Authorization => 'Basic ' . encode_base64('typed:typed 1', ''));
    is user($r), "typed\@EXAMPLE.TEST", 'an internal redirect';
    my @all = map { /^([^;]*)/ } $r->header('Set-Cookie');
    is_deeply [ map { my $c = $_; scalar grep { user(get($_, Cookie => $c)) ne 401 } env_of('typed'), env_of('typed/any') } @all ],
      [ (0) x (@all - 1), 1 ], 'begins one session, for its last location';
};

is_deeply [ $server->log->crashes ], [], 'nobody died';
$server->stop;
remove_tree($site);
done_testing;
